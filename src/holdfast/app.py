"""The web's door: every part of it, in the order in which a request meets it.

    AccessLog → SecurityHeaders → RequestLimits → SameOriginForms → one of the routers below

Run by `holdfast serve` (Granian, factory `holdfast.app:app_from_environment`), one process or several.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from holdfast import __version__
from holdfast.bookings import api as bookings_api
from holdfast.bookings import pages as bookings_pages
from holdfast.bookings import sms_api as bookings_sms_api
from holdfast.bookings import staff_pages as bookings_staff_pages
from holdfast.catalog import api as catalog_api
from holdfast.catalog import pages as catalog_pages
from holdfast.catalog import staff_pages as catalog_staff_pages
from holdfast.catalog.owners import EventOwners
from holdfast.cli.logs import log_as_json
from holdfast.customers import api as customers_api
from holdfast.customers import staff_pages as customers_staff_pages
from holdfast.diagnosis import deployment_api
from holdfast.diagnosis.deployment_watch import watch_deployment
from holdfast.disputes import api as disputes_api
from holdfast.disputes import staff_pages as disputes_staff_pages
from holdfast.door import api as door_api
from holdfast.door import pages as door_pages
from holdfast.door import staff_pages as door_staff_pages
from holdfast.inbox import staff_pages as inbox_staff_pages
from holdfast.inbox.receive import Receiver
from holdfast.laws import api as laws_api
from holdfast.laws import staff_pages as laws_staff_pages
from holdfast.laws.metrics import database_metrics
from holdfast.lookup import api as lookup_api
from holdfast.lookup import pages as lookup_pages
from holdfast.lookup.rules import FROM_ONE_ADDRESS_A_MINUTE
from holdfast.messages import api as messages_api
from holdfast.messages import staff_api as messages_staff_api
from holdfast.messages import staff_pages as messages_staff_pages
from holdfast.messages import template_api as message_template_api
from holdfast.messages import template_pages as message_template_pages
from holdfast.payments import api as payments_api
from holdfast.providers import api as providers_api
from holdfast.providers import diary_api as providers_diary_api
from holdfast.providers import own_pages as provider_own_pages
from holdfast.providers import pages as providers_pages
from holdfast.providers import sign_in_pages as provider_sign_in_pages
from holdfast.providers.sign_in import FROM_ONE_ADDRESS_A_MINUTE as SIGN_IN_LINKS_A_MINUTE
from holdfast.refunds import api as refunds_api
from holdfast.refunds import staff_pages as refunds_staff_pages
from holdfast.requests import answer_pages, cron, diary_pages, provider_pages
from holdfast.requests import api as requests_api
from holdfast.requests import guest_pages as requests_guest_pages
from holdfast.settings import Settings, load_settings
from holdfast.system import System, open_system
from holdfast.tasks import api as tasks_api
from holdfast.tasks import staff_pages as tasks_staff_pages
from holdfast.tenants import api as tenants_api
from holdfast.version import running_commit
from holdfast.web import assets, docs, health
from holdfast.web import staff_pages as sign_in_pages
from holdfast.web.access_log import AccessLog
from holdfast.web.deployments import deployment
from holdfast.web.limits import RateLimiter, RequestLimits
from holdfast.web.live import LiveStreams
from holdfast.web.measurements import Measurements
from holdfast.web.openapi import describe
from holdfast.web.problem_page import problem_page
from holdfast.web.problems import install_problem_handlers
from holdfast.web.security import SameOriginForms, SecurityHeaders
from holdfast.web.shared_reads import SharedReads

CONNECTIONS = 10

ROUTERS: tuple[APIRouter, ...] = (
    catalog_api.router,
    bookings_sms_api.router,
    bookings_api.router,
    payments_api.router,
    messages_api.router,
    messages_staff_api.router,
    message_template_api.router,
    customers_api.router,
    requests_api.router,
    cron.router,
    lookup_api.router,
    door_api.router,
    providers_api.router,
    providers_diary_api.router,
    tenants_api.router,
    tasks_api.router,
    refunds_api.router,
    disputes_api.router,
    laws_api.router,
    deployment_api.router,
    health.router,
    docs.router,
    assets.router,
    catalog_pages.router,
    bookings_pages.router,
    providers_pages.router,
    requests_guest_pages.router,
    lookup_pages.router,
    door_pages.router,
    sign_in_pages.router,
    provider_sign_in_pages.router,
    provider_pages.router,
    diary_pages.router,
    provider_own_pages.router,
    answer_pages.router,
    catalog_staff_pages.router,
    bookings_staff_pages.router,
    door_staff_pages.router,
    inbox_staff_pages.router,
    laws_staff_pages.router,
    tasks_staff_pages.router,
    refunds_staff_pages.router,
    disputes_staff_pages.router,
    messages_staff_pages.router,
    message_template_pages.router,
    customers_staff_pages.router,
)


def create_app(system_settings: Settings, system: System | None = None) -> FastAPI:
    """The application. Without a `system` it opens its own when it starts and closes it when it stops."""
    measurements = Measurements(running_commit(system_settings))
    app = FastAPI(
        title="Holdfast",
        version=__version__,
        summary="Takes bookings and their payments and never lets the two drift apart.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # web/docs.py serves it
        lifespan=lambda app: _running(app, system_settings, system),
        middleware=[
            Middleware(AccessLog, measurements=measurements),
            Middleware(SecurityHeaders, settings=system_settings),
            Middleware(RequestLimits, rate_limit_per_minute=system_settings.rate_limit_per_minute),
            Middleware(SameOriginForms, settings=system_settings),
        ],
    )
    app.state.measurements = measurements
    app.state.database_metrics = database_metrics
    app.state.event_owners = EventOwners()
    app.state.shared_reads = SharedReads()
    app.state.lookup_limiter = RateLimiter(FROM_ONE_ADDRESS_A_MINUTE)
    app.state.sign_in_limiter = RateLimiter(SIGN_IN_LINKS_A_MINUTE)
    for router in ROUTERS:
        app.include_router(router)
    install_problem_handlers(app, problem_page)
    describe(app)
    return app


def app_from_environment() -> FastAPI:
    """What Granian loads in each of its processes. Raises SettingsWrong with every setting that needs attention."""
    log_as_json()
    return create_app(load_settings())


@contextlib.asynccontextmanager
async def _running(app: FastAPI, settings: Settings, given: System | None) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        system = given
        if system is None:
            system = await stack.enter_async_context(open_system(settings, most_connections=CONNECTIONS))
        app.state.system = system
        app.state.live = LiveStreams(system)
        app.state.receiver = Receiver(system)
        app.state.started_at = await stack.enter_async_context(deployment(system, "web", watch_deployment))
        yield
        await app.state.live.close()
