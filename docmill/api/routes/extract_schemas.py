"""Schemas of extract jobs: checked, and made."""

from fastapi import APIRouter

from docmill.api.schemas.extract import SchemaValidation, ValidSchema

router = APIRouter(prefix="/api/v2/extract/schema", tags=["extract"])


@router.post("/validation")
async def validate_schema(body: SchemaValidation) -> ValidSchema:
    """Check a schema, and return it as jobs use it; 422 names the place where it is wrong."""
    return ValidSchema(data_schema=body.data_schema)
