"""`tiffin worker`: does the reactions. One process; run as many as the load asks for."""

import signal
import threading

import click
from dramatiq import Worker

from application import collector, logs
from application.bootstrap import open_tiffin
from application.engines.embedded import resolved
from application.reactions.actors import Work, declare
from application.reactions.broker import WORKER_TIMEOUT_MS, open_broker
from application.settings import read_settings


@click.command(name="worker")
@click.option("--queue", "queues", multiple=True, help="Only this queue; may be given more than once.")
def command(queues: tuple[str, ...]) -> None:
    """Work until SIGTERM, then finish what was begun.

    Dramatiq's own command forks children and ends when one dies; a plain process under the supervisor is simpler.
    """
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    with resolved(read_settings()) as settings, open_tiffin(settings) as tiffin:
        logs.configure(settings.observability.log_level, process="worker")
        broker = open_broker(tiffin.valkey, prefix=settings.world.prefix)
        declare(broker, Work(tiffin))
        worker = Worker(
            broker,
            queues=set(queues) or None,
            worker_timeout=WORKER_TIMEOUT_MS,
            worker_threads=settings.worker.threads,
        )
        collector.settle()
        worker.start()
        stopping.wait()
        worker.stop(timeout=settings.worker.drain_seconds * 1000)
