"""Random numbers of the kinds that traffic is made of, from one generator, so that a seed gives the same run."""

import math
from random import Random

_LARGE = 40.0  # expected counts from which the normal distribution is as good


def poisson(random: Random, mean: float) -> int:
    """How many events there are where `mean` are expected."""
    if mean > _LARGE:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count


def binomial(random: Random, number: int, chance: float) -> int:
    """How many of `number` happen, each with this chance."""
    if chance >= 1 or number == 0:
        return number if chance >= 1 else 0
    if number * chance > _LARGE and number * (1 - chance) > _LARGE:
        found = round(random.gauss(number * chance, math.sqrt(number * chance * (1 - chance))))
        return min(number, max(0, found))
    return _skipping(random, number, chance)


def pareto(random: Random, shape: float, most: int) -> int:
    """A size of at least 1 with a heavy tail, cut at `most`."""
    return min(most, int(random.paretovariate(shape)))


def geometric(random: Random, mean: float) -> int:
    """A size of at least 1 with this mean."""
    return 1 + int(math.log(1.0 - random.random()) / math.log(1 - 1 / mean)) if mean > 1 else 1


def _skipping(random: Random, number: int, chance: float) -> int:
    """From one that happens to the next: quick where few do."""
    if chance <= 0:
        return 0
    if chance > 0.5:
        return number - _skipping(random, number, 1 - chance)
    count, place, step = 0, 0, math.log1p(-chance)
    while True:
        place += 1 + int(math.log(1.0 - random.random()) / step)
        if place > number:
            return count
        count += 1
