"""The composition root of the injector."""

import asyncio

from ooda.common.service import App, Consumption, Context
from ooda.common.topology import INJECTOR, SCENARIOS_SUBJECT, Account
from ooda.injector.admission import Admission
from ooda.injector.announcer import Announcer
from ooda.injector.core import machine
from ooda.injector.driver import Driver
from ooda.injector.evaluating import Evaluator
from ooda.injector.handlers import Handlers
from ooda.injector.journal import Journal
from ooda.injector.library import load_scenarios
from ooda.injector.overseer import Overseer
from ooda.injector.proving import Prover
from ooda.injector.pruner import Pruner
from ooda.injector.settings import InjectorSettings


async def compose(context: Context) -> App:
    """Put the injector together. Raises ScenarioError if the library cannot be used."""
    settings = InjectorSettings.model_validate(context.settings)
    api, namespace = context.api, settings.namespace
    bus = context.bus(Account.FAULTS)
    admission = Admission(api, namespace, settings.limits(), load_scenarios(), context.clock)
    evaluator = Evaluator(loop=context.bus(Account.LOOP), faults=bus)
    handlers = Handlers(admission, Journal(api, namespace), bus, evaluator, asyncio.Lock())
    driver = Driver(api, namespace, context.clock, machine.INJECTOR)
    prover = Prover(api, namespace, context.clock)
    return App(
        consumers=(Consumption(INJECTOR, handlers.on_requested),),
        tasks=(
            driver.run,
            prover.run,
            Announcer(api, namespace, bus, context.clock).run,
            Overseer(api, namespace, evaluator, context.clock).run,
            Pruner(api, namespace, context.clock, settings.kept_runs).run,
        ),
        status=driver.counts,
        ready=driver.ready,
        answers={SCENARIOS_SUBJECT: handlers.answer},
    )
