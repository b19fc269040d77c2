"""Who has which address: all of it inside 198.18.0.0/15, which RFC 2544 sets aside for benchmarks."""

from typing import Final

ALL: Final = "198.18.0.0/15"
POD_RANGES: Final = "198.18.0.0/17"
PODS: Final = {"a": "198.18.1.0/24", "b": "198.18.2.0/24"}
SERVICES: Final = "198.19.0.0/16"
DNS: Final = "198.19.0.10"

# The link between the two nodes.
NODE_LINK: Final = "node0"
NODES: Final = {"a": "198.18.254.1", "b": "198.18.254.2"}

# The one link between the machine and the cluster: it leads to the API server and nowhere else.
HOST_LINK: Final = "rundrill0"
HOST_LINK_IN_NODE: Final = "host0"
HOST: Final = "198.18.255.1"
API_FROM_HOST: Final = "198.18.255.2"
API_PORT: Final = 6443
