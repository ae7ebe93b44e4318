"""Schemas of extract jobs: checked, and made."""

from fastapi import APIRouter

from docmill.api.schema_drafts import SchemaDrafts, name_for
from docmill.api.schemas.extract import (
    GeneratedConfiguration,
    GeneratedParameters,
    SchemaGeneration,
    SchemaValidation,
    ValidSchema,
)
from docmill.api.scope import CurrentScope
from docmill.api.services import CurrentServices

router = APIRouter(prefix="/api/v2/extract/schema", tags=["extract"])


@router.post("/validation")
async def validate_schema(body: SchemaValidation) -> ValidSchema:
    """Check a schema, and return it as jobs use it; 422 names the place where it is wrong."""
    return ValidSchema(data_schema=body.data_schema)


@router.post("/generate")
async def generate_schema(
    services: CurrentServices, scope: CurrentScope, body: SchemaGeneration
) -> GeneratedConfiguration:
    """Make a schema by the configured model, as what a configuration can be created from.

    Its file is read by a parse job; while that runs for long, the answer is 503, to be repeated.
    A ``data_schema`` alone needs no model.
    """
    schema = await SchemaDrafts(services, scope).draft(body)
    return GeneratedConfiguration(
        name=name_for(body, schema), parameters=GeneratedParameters(data_schema=schema)
    )
