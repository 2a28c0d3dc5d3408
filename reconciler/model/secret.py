"""Where a secret is kept; never the secret itself."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from reconciler.model.base import Spec


class SecretRef(Spec):
    """A reference to a secret, in exactly one of the places that can hold one."""

    env: str | None = None
    file: str | None = None
    sops: str | None = None
    aws_secrets_manager: str | None = None
    vault: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError(
                "name exactly one of env, file, sops, awsSecretsManager, vault"
            )
        return self

    def __str__(self) -> str:
        ((place, name),) = self.model_dump(exclude_none=True, by_alias=True).items()
        return f"{place}:{name}"


#: Data about a person: where it is kept, or, with a warning, the text itself.
Personal = SecretRef | Annotated[str, Field(min_length=1)]
