"""Privacy: that a person was forgotten. One stream a person, of one event."""

from domain.privacy.decisions import forget as forget
from domain.privacy.events import Forgotten as Forgotten
from domain.privacy.state import Forgetting as Forgetting
from domain.privacy.state import evolve as evolve
