"""The local page: the report of a cluster in a browser, in which policies are edited to see what that changes."""

from ringfence.web.app import LocalPage, page_app
from ringfence.web.course import course_app
from ringfence.web.following import FileChanges, follow
from ringfence.web.guard import Guard
from ringfence.web.listening import listen
from ringfence.web.live_changes import LiveChanges
from ringfence.web.simulation import Simulation

__all__ = [
    "FileChanges",
    "Guard",
    "LiveChanges",
    "LocalPage",
    "Simulation",
    "course_app",
    "follow",
    "listen",
    "page_app",
]
