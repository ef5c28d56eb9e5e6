"""Named routes: a model says which route, described in words, a conversation belongs to; a map says who serves it.

routes_file.py      routes, map and default
prompt.py           what the model reads
query_analysis.py   what is computed from a question alone
reply.py            how its reply is read
router.py           `NamedRoutes`
"""

from router_r1.routers.named_routes.fitted_map import fit_map
from router_r1.routers.named_routes.prompt import ROUTES_PROMPT_VERSION, route_messages, written
from router_r1.routers.named_routes.query_analysis import QueryAnalysis, analyse
from router_r1.routers.named_routes.reply import RouteReply, read_reply
from router_r1.routers.named_routes.router import Decision, NamedRoutes
from router_r1.routers.named_routes.routes_file import OTHER, Route, RoutesFile, load_routes

__all__ = [
    "OTHER",
    "ROUTES_PROMPT_VERSION",
    "Decision",
    "NamedRoutes",
    "QueryAnalysis",
    "Route",
    "RouteReply",
    "RoutesFile",
    "analyse",
    "fit_map",
    "load_routes",
    "read_reply",
    "route_messages",
    "written",
]
