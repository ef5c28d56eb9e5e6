"""A JSON object as an immutable pydantic model that distinguishes unset fields from fields that are None.

An unset field is absent from the JSON; a field set to None is null. Undeclared fields cannot be set, and are ignored
when a file of another version is read.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, model_validator

IGNORE_UNKNOWN = "ignore unknown keys"
"""The validation context in which unknown keys are ignored."""


def ignoring_unknown(model: type[BaseModel]) -> BeforeValidator:
    """Annotates a field whose type is a strict model, so that unknown keys are ignored there too."""
    return BeforeValidator(lambda values, info: _known_fields(model, values, info))


def _known_fields(model: type[BaseModel], values: Any, info: ValidationInfo) -> Any:
    if info.context == IGNORE_UNKNOWN and isinstance(values, dict):
        return {key: values[key] for key in values if key in model.model_fields}
    return values


class JsonRecord(BaseModel):
    """A JSON object with a key for each field that was set."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_unknown(cls, values: Any, info: ValidationInfo) -> Any:
        if cls.model_config.get("extra") == "allow":
            return values
        return _known_fields(cls, values, info)

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were set, as keyword arguments for a constructor."""
        names = (*type(self).model_fields, *(self.model_extra or ()))
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}

    def with_fields(self, **fields: Any) -> Self:
        """A copy in which these fields are set too, validated as by the constructor."""
        return type(self)(**{**self.given, **fields})

    def to_json(self) -> dict[str, Any]:
        """The JSON object."""
        return self.model_dump(mode="json", exclude_unset=True)
