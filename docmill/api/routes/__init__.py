"""The endpoints: one file per resource."""

from fastapi import APIRouter

from docmill.api.routes import health, projects, webhooks


def all_routers() -> list[APIRouter]:
    """Return the routers of all resources."""
    return [module.router for module in (health, projects, webhooks)]
