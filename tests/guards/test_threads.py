import asyncio

from analysis.sources import Number, PrometheusSource, ProviderDown
from analysis.sources.prometheus import Prometheus
from tests.analysis.fakes import FakePrometheus, serving, trickling


async def test_a_prometheus_that_answers_byte_by_byte_gives_back_every_thread_it_held() -> None:
    fake = FakePrometheus(weather=trickling)
    async with serving(fake):
        # No gap between two bytes is as long, however busy the machine is: the library alone would wait for ever.
        source = Prometheus(PrometheusSource(name="prom", url=fake.url, timeout=1.0))
        answers = await asyncio.gather(*(source.value(f"up{number}", fresh=0) for number in range(8)))
        assert {type(each) for each in answers} == {ProviderDown}
        fake.weather, fake.numbers["up"] = None, [1, "1"]
        async with asyncio.timeout(30):
            while await source.value("up", fresh=float("inf")) != Number(1, 1):  # noqa: ASYNC110 - a server changes
                await asyncio.sleep(0.01)
        await source.close()
