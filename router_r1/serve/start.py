"""Makes a gateway from an agent file, or from a list of models, and refuses what would be unsafe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router_r1 import config
from router_r1.agent import RouterAgent
from router_r1.agent_file import AgentFile, load_agent
from router_r1.errors import ConfigError
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.pool import ModelPool
from router_r1.serve import telemetry
from router_r1.serve.access import keys as key_files
from router_r1.serve.access.admission import Admission
from router_r1.serve.access.keys import KeyStore
from router_r1.serve.answers.named_routes import NamedTarget
from router_r1.serve.answers.one_shot import OneShot
from router_r1.serve.gateway import Gateway, is_loopback
from router_r1.serve.metrics import Metrics
from router_r1.serve.receipts import ReceiptStore
from router_r1.serve.settings import ServeSettings
from router_r1.serve.worker_share import take_share


@dataclass(frozen=True)
class Plan:
    """What to serve; can be sent to another process."""

    agent_file: str | None = None
    """The agent file; None with `models`."""
    models: tuple[str, ...] = ()
    """Models as `known_models.pool_of` reads them."""
    policy: str | None = None
    """With `models`: the one that writes the turns; by default the first."""
    overrides: tuple[str, ...] = ()
    """`a.b=value` assignments, which take precedence over the file."""
    workers: int = 1
    """Processes that serve it together, and share the limits of candidates."""
    host: str = "127.0.0.1"
    """Where the gateway listens."""

    @property
    def folder(self) -> Path:
        """What paths in the settings are relative to."""
        return Path(self.agent_file).parent if self.agent_file else Path()

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the gateway."""
        return is_loopback(self.host)


class Opened:
    """Files that outlive a reload: keys, limits, receipts, and the counters of this process."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.tracer = telemetry.tracer_from_environment()
        self._keys: dict[Path, KeyStore] = {}
        self._receipts: dict[Path, ReceiptStore] = {}
        self._admissions: dict[str, Admission] = {}

    def keys(self, path: Path) -> KeyStore:
        """The keys in a file."""
        if path not in self._keys:
            self._keys[path] = KeyStore(path, create=False)
        return self._keys[path]

    def receipts(self, path: Path) -> ReceiptStore:
        """The receipts in a file."""
        if path not in self._receipts:
            self._receipts[path] = ReceiptStore(path)
        return self._receipts[path]

    def admission(self, keys: Path, redis: str | None) -> Admission:
        """What counts the limits of keys: a Redis server, or a file beside the keys."""
        where = redis or str(keys.with_name(f"{keys.stem}-spending.db"))
        if where not in self._admissions:
            self._admissions[where] = _redis(where) if redis else _sqlite(where)
        return self._admissions[where]

    async def aclose(self) -> None:
        """Close all files."""
        for admission in self._admissions.values():
            await admission.aclose()
        for receipts in self._receipts.values():
            receipts.close()
        for keys in self._keys.values():
            keys.close()


def _sqlite(where: str) -> Admission:
    from router_r1.serve.access.admission_sqlite import SqliteAdmission

    return SqliteAdmission(where)


def _redis(where: str) -> Admission:
    from router_r1.serve.access.admission_redis import RedisAdmission

    return RedisAdmission(where)


def load_gateway(plan: Plan, opened: Opened) -> Gateway:
    """Make a gateway.

    Args:
        plan: what to serve.
        opened: files that outlive a reload.

    Raises:
        ConfigError: a file is invalid, or the gateway would be open to everybody in reach.
    """
    settings = settings_of(plan)
    folder = plan.folder
    keys_path = folder / settings.keys if settings.keys else key_files.default_path()
    # A file that has had a key means that keys are needed, also when the last one was revoked.
    keys = opened.keys(keys_path) if settings.keys or keys_path.exists() else None
    if keys is not None and not settings.keys and not keys.all():
        keys = None
    if not plan.is_local and (keys is None or not _any_valid(keys)):
        raise ConfigError(
            f"serve: {plan.host} can be reached by others, and there are no keys; make one with `router-r1 keys add NAME`, "
            f"or listen on 127.0.0.1"
        )
    agent = _agent(plan)
    take_share(agent, plan.workers)
    routers: dict[str, OneShot | NamedTarget] = {
        name: OneShot.fit(name, spec, agent.pool, folder) for name, spec in settings.routers.items()
    }
    for name, named in settings.named_routes.items():
        reader = None if named.candidate is None else policy_in(agent.pool, named.candidate)
        routers[name] = NamedTarget.load(name, named, agent.pool, reader, folder)
    return Gateway(
        agent,
        settings,
        metrics=opened.metrics,
        keys=keys,
        admission=None if keys is None else opened.admission(keys_path, settings.redis),
        receipts=None if settings.receipts is None else opened.receipts(folder / settings.receipts),
        routers=routers,
        tracer=opened.tracer,
    )


def settings_of(plan: Plan) -> ServeSettings:
    """The settings of the gateway. Raises `ConfigError` if the file is invalid."""
    if plan.agent_file is None:
        return config.validate(ServeSettings, config.override({}, plan.overrides), "--set")
    return config.load(AgentFile, plan.agent_file, plan.overrides).serve


def _agent(plan: Plan) -> RouterAgent:
    if plan.agent_file is not None:
        return load_agent(plan.agent_file, plan.overrides)
    from router_r1.serve.quick_start.known_models import pool_of

    pool = pool_of(plan.models)
    return RouterAgent(policy=policy_in(pool, plan.policy), pool=pool, style="full")


def policy_in(pool: ModelPool, name: str | None) -> OpenAIPolicy:
    """A candidate as the policy, by prompt alone; the first one by default. Raises `ConfigError` for an unknown name."""
    card = pool.card(name or pool.names[0])
    endpoint = pool.endpoints[str(card.endpoint)]
    return OpenAIPolicy(
        endpoint.base_url,
        card.model_id,
        endpoint.api_key_env,
        price=card.price,
        name=f"{card.name} (policy)",
        headers=endpoint.headers,
        token_limit_field=endpoint.token_limit_field,
        system_role=card.system_role,
        temperature=card.sampling.temperature,
        extra=card.sampling.extra,
        source="--policy",
    )


def _any_valid(keys: KeyStore) -> bool:
    return any(key.revoked_at is None for key in keys.all())


def check_models(models: Sequence[str], agent_file: object) -> None:
    """Raise `ConfigError` unless exactly one of the two says what to serve."""
    if bool(models) == (agent_file is not None):
        raise ConfigError(
            "give an agent file, or --models with a list such as openai/gpt-5-mini,ollama/llama3.1:8b; "
            "`router-r1 init` writes a file"
        )
