"""The endpoints: one file per resource."""

from fastapi import APIRouter

from docmill.api.routes import (
    batch_control,
    batch_processing,
    batches,
    classify,
    configurations,
    content,
    directories,
    directory_files,
    extract,
    extract_schemas,
    files,
    health,
    parse,
    parse_create,
    projects,
    sources,
    webhook_events,
    webhooks,
)


def all_routers() -> list[APIRouter]:
    """Return the routers of all resources."""
    return [
        module.router
        for module in (
            health,
            projects,
            directories,
            directory_files,
            files,
            configurations,
            batches,
            batch_processing,
            parse_create,
            parse,
            classify,
            extract_schemas,
            extract,
            webhooks,
            webhook_events,
            sources,
            batch_control,
            content,
        )
    ]
