// What the npm package `openai` gets from a gateway: node openai.mjs BASE_URL MODEL IMAGE_URL
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, model, pixel] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const ask = (content) => ({ model, messages: [{ role: "user", content }] });
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const question = "How wide is Arna?";
const result = {};

const whole = await client.chat.completions.create(ask(question));
result.chat = { text: whole.choices[0].message.content, tokens: whole.usage.total_tokens };

result.stream = { text: "", tokens: 0 };
const stream = await client.chat.completions.create({ ...ask(question), stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  result.stream.text += chunk.choices[0]?.delta?.content ?? "";
  result.stream.tokens += chunk.usage?.total_tokens ?? 0;
}

const called = await client.chat.completions.create({ ...ask("How is the weather in Oslo?"), tools });
result.tools = called.choices[0].message.tool_calls.map((call) => ({
  name: call.function.name,
  arguments: JSON.parse(call.function.arguments),
}));

const runnable = { name: "weather", parameters, parse: JSON.parse, function: ({ city }) => `rain in ${city}` };
const runner = client.chat.completions.runTools({
  ...ask("How is the weather in Oslo?"),
  tools: [{ type: "function", function: runnable }],
  stream: true,
});
result.runTools = await runner.finalContent();

const format = zodResponseFormat(z.object({ moon: z.string(), km: z.number() }), "width");
const parsed = await client.chat.completions.parse({ ...ask(question), response_format: format });
result.parsed = parsed.choices[0].message.parsed;

const image = [
  { type: "text", text: "What is this?" },
  { type: "image_url", image_url: { url: pixel } },
];
result.image = (await client.chat.completions.create(ask(image))).choices[0].message.content;

result.response = (await client.responses.create({ model, input: question })).output_text;
result.responseStream = (await client.responses.stream({ model, input: question }).finalResponse()).output_text;
const functions = [{ type: "function", name: "weather", parameters, strict: false }];
const response = await client.responses.create({ model, input: "How is the weather in Oslo?", tools: functions });
result.responseTools = JSON.parse(response.output.find((item) => item.type === "function_call").arguments);
const seen = [
  { type: "input_text", text: "What is this?" },
  { type: "input_image", image_url: pixel, detail: "auto" },
];
result.responseImage = (await client.responses.create({ model, input: [{ role: "user", content: seen }] })).output_text;

const models = [];
for await (const each of client.models.list()) models.push(each.id);
result.hasModel = models.includes(model);
const vectors = await client.embeddings.create({ model: "vectors", input: "Arna", encoding_format: "float" });
result.embedding = vectors.data[0].embedding;

try {
  await client.chat.completions.create({ ...ask(question), model: "gpt-9" });
} catch (error) {
  result.unknownModel = { status: error.status, param: error.param };
}
console.log(JSON.stringify(result));
