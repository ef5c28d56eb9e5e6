"""A JSON object as an immutable pydantic model that tells fields that were not set from fields that are None.

A field that is not set is absent from the JSON, a field set to None is null. Fields that are not declared cannot be
set, but are ignored when a file of another version is read.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

IGNORE_UNKNOWN = "ignore unknown keys"
"""The validation context in which unknown keys are ignored."""


class JsonRecord(BaseModel):
    """A JSON object with a key for each field that was set."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_unknown_keys(cls, values: Any, info: ValidationInfo) -> Any:
        ignore = info.context == IGNORE_UNKNOWN and cls.model_config.get("extra") == "forbid"
        if ignore and isinstance(values, dict):
            return {key: values[key] for key in values if key in cls.model_fields}
        return values

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
