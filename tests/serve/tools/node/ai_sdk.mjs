// What the Vercel AI SDK gets from a gateway: node ai_sdk.mjs BASE_URL MODEL IMAGE_URL
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL, name, pixel] = process.argv.slice(2);
const router = createOpenAICompatible({
  name: "router",
  baseURL,
  apiKey: "none",
  includeUsage: true, // else a candidate's stream has no usage
  supportsStructuredOutputs: true, // else a schema is left out, and only JSON is asked for
});
const common = { model: router(name), maxRetries: 0 };
const prompt = "How wide is Arna?";
const onError = ({ error }) => {
  throw error;
};
const result = {};

const whole = await generateText({ ...common, prompt });
result.text = whole.text;
result.finish = whole.finishReason;
result.tokens = whole.usage.totalTokens;

const stream = streamText({ ...common, prompt, onError });
result.stream = "";
result.reasoning = "";
for await (const part of stream.fullStream) {
  if (part.type === "text-delta") result.stream += part.text;
  if (part.type === "reasoning-delta") result.reasoning += part.text;
}

const settings = { temperature: 0.2, topP: 0.9, maxOutputTokens: 50, seed: 7, stopSequences: ["STOP"] };
const penalties = { presencePenalty: 0.1, frequencyPenalty: 0.1 };
const providerOptions = { router: { user: "somebody", reasoningEffort: "low" } };
result.settings = (await generateText({ ...common, prompt, ...settings, ...penalties, providerOptions })).text;

const weather = tool({
  description: "The weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `rain in ${city}`,
});
const withTools = { ...common, prompt: "How is the weather in Oslo?", tools: { weather }, stopWhen: stepCountIs(3) };
const called = await generateText(withTools);
result.tools = { text: called.text, steps: called.steps.length, called: called.steps[0].toolCalls[0].input };
result.streamTools = await streamText({ ...withTools, onError }).text;

const output = Output.object({ schema: z.object({ moon: z.string(), km: z.number() }) });
result.output = (await generateText({ ...common, prompt, output })).output;
const partial = streamText({ ...common, prompt, output, onError });
for await (const each of partial.partialOutputStream) result.streamOutput = each;

const image = { type: "image", image: pixel };
const content = [{ type: "text", text: "What is this?" }, image];
result.image = (await generateText({ ...common, messages: [{ role: "user", content }] })).text;
result.embedding = (await embed({ model: router.embeddingModel("vectors"), value: "Arna", maxRetries: 0 })).embedding;
console.log(JSON.stringify(result));
