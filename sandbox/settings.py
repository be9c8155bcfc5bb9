"""What can be chosen about a sandbox, and the defaults."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One sandbox. Pairs are (shortest, longest) in seconds, drawn uniformly from the seeded random."""

    directory: Path  # scratch: Envoy's files, the kubeconfig, pod logs
    seed: int = 1  # of every random delay
    api_port: int = 0  # 0 = the kernel chooses
    gateway_port: int = 0  # Envoy's listener for Gateways; 0 = chosen, then published
    proxy_metrics_port: int = 0  # where Envoy's counters are; 0 = chosen, then published
    access_log: bool = True  # False: Envoy keeps none, for a sandbox that runs for days
    processes: bool = True  # False: virtual pods, ready after start_delay without a process
    gateway: bool = True  # False: no Envoy; routes get their status from a virtual gateway after proxy_lag
    prometheus: bool = True  # start one if the binary is on PATH
    prometheus_files: bool = False  # True: write the configuration of one that runs elsewhere, and start none
    scrape_interval: float = 1.0  # seconds between two scrapes of that Prometheus
    start_delay: tuple[float, float] = (0.2, 0.8)  # pod created -> scheduled and started
    endpoints_lag: tuple[float, float] = (0.05, 0.4)  # pod readiness or selector change -> EndpointSlice
    proxy_lag: tuple[float, float] = (0.05, 0.5)  # route or endpoints change -> proxy configuration
    bookmark_interval: float = 3.0  # seconds between two bookmarks of one watch
    gone_as_event: bool = True  # an expired watch: ERROR event in a 200 stream; False: HTTP status 410
