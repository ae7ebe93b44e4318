"""The three ways in which a v1 batch names a webhook, as endpoints of today."""

from docmill.api.beta_batch.schemas import V1JobConfig
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.contracts.webhook_events import BATCH_ENDS, job_ends
from docmill.contracts.words import JobType


def v1_webhooks(config: V1JobConfig) -> list[InlineWebhook]:
    """Return the endpoints of a v1 job.

    ``parameters.webhook_configurations`` hear of every file, ``parameters.webhook_url`` of every
    file's end, and the job's own ``webhook_url`` is called once, at the end of the batch.
    """
    options = config.parameters
    found = list((options.webhook_configurations if options else None) or ())
    if options is not None and options.webhook_url:
        product = JobType.PARSE if config.rules is None else JobType.CLASSIFY
        found.append(_plain(options.webhook_url, job_ends(product)))
    if config.webhook_url:
        found.append(_plain(config.webhook_url, BATCH_ENDS))
    return found


def _plain(url: str, events: tuple[str, ...]) -> InlineWebhook:
    return InlineWebhook.model_validate({"webhook_url": url, "webhook_events": list(events)})
