"""Every API process says that it listens to drivers."""

from litestar.testing import TestClient

from api.app import make_app
from application import ears
from application.bootstrap import Tiffin
from application.settings import Settings
from tests.waiting import eventually


def test_it_is_known_whether_anybody_listens(settings: Settings, tiffin: Tiffin) -> None:
    valkey, prefix = tiffin.valkey, settings.world.prefix
    assert not ears.listening(valkey, prefix)
    with TestClient(make_app(settings)):
        eventually(lambda: ears.listening(valkey, prefix), what="a process listens")
        valkey.delete(ears.key(prefix))
        eventually(lambda: ears.listening(valkey, prefix), what="it says so again")
    eventually(lambda: not ears.listening(valkey, prefix), what="it has ended")
