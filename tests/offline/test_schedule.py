"""Which experiments may run side by side, and how long a game day takes."""

from datetime import timedelta
from itertools import count

import pytest

from rundrill.schedule import Chain, Piece, independent, next_of, schedule

_numbers = count(1)


def piece(platform: str = "shop", minutes: float = 1, **words: object) -> Piece:
    """An experiment of that platform; words are other facts of it."""
    name = str(words.pop("name", f"x{next(_numbers)}"))
    sets = {key: frozenset(value) if isinstance(value, set) else value for key, value in words.items()}
    return Piece(name, platform, timedelta(minutes=minutes), **sets)  # type: ignore[arg-type]


def names(chains: tuple[Chain, ...]) -> list[list[str]]:
    return [[one.name for one in chain.pieces] for chain in chains]


WEB, MAIL = {"shop/web"}, {"shop/mail"}


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        pytest.param(piece("shop"), piece("bank"), True, id="other platforms"),
        pytest.param(
            piece("shop", crowd="a"), piece("bank", crowd="b"), True, id="crowds of other platforms"
        ),
        pytest.param(piece("shop"), piece("bank", alone=True), False, id="one that suffers nobody"),
        pytest.param(piece(), piece(), False, id="one platform, and nothing said"),
        pytest.param(piece(touches=WEB), piece(touches=MAIL), True, id="other components"),
        pytest.param(piece(touches=WEB), piece(), False, id="one does not say what it touches"),
        pytest.param(piece(touches=WEB), piece(touches=WEB | MAIL), False, id="a component of both"),
        pytest.param(
            piece(touches=WEB, alerts={"a"}),
            piece(touches=MAIL, alerts={"a", "b"}),
            False,
            id="an alert of both",
        ),
        pytest.param(
            piece(touches=WEB, alerts={"a"}), piece(touches=MAIL, alerts={"b"}), True, id="other alerts"
        ),
        pytest.param(
            piece(touches=WEB, crowd="a"),
            piece(touches=MAIL),
            False,
            id="users who would feel the other's fault",
        ),
    ],
)
def test_experiments_are_independent_where_neither_can_blur_the_other(
    one: Piece, other: Piece, apart: bool
) -> None:
    assert independent(one, other) is apart
    assert independent(other, one) is apart


def test_a_chain_is_one_platform_in_its_order_and_the_longest_comes_first() -> None:
    pieces = [
        piece("shop", name="a"),
        piece("bank", 5, name="b"),
        piece("shop", name="c"),
        piece("mill", name="d"),
    ]
    assert names(schedule(pieces).chains) == [["b"], ["a", "c"], ["d"]]


def test_what_depends_on_two_that_are_apart_binds_them_into_one_chain() -> None:
    pieces = [
        piece(touches=WEB, name="web"),
        piece(touches=MAIL, name="mail"),
        piece(touches=WEB | MAIL, name="both"),
        piece(touches={"shop/rest"}, name="rest"),
    ]
    assert names(schedule(pieces).chains) == [["web", "mail", "both"], ["rest"]]


def test_what_must_be_alone_comes_after_all_chains() -> None:
    planned = schedule([piece(alone=True, name="drain"), piece("bank", name="b"), piece("shop", name="s")])
    assert names(planned.chains) == [["b"], ["s"]]
    assert [one.name for one in planned.alone] == ["drain"]


def test_the_wall_time_is_the_longest_chain_where_hands_are_enough() -> None:
    pieces = [piece("a", 6), piece("b", 3), piece("c", 2), piece("a", 1, alone=True)]
    planned = schedule(pieces)
    assert planned.longest == timedelta(minutes=7)
    assert planned.wall(3) == planned.longest
    assert planned.wall(2) == timedelta(minutes=7)
    assert planned.wall(1) == timedelta(minutes=12)


def test_one_that_may_reach_anything_keeps_only_its_own_turn_from_the_others_of_its_platform() -> None:
    pieces = [
        piece(minutes=3, touches=WEB, name="web"),
        piece(minutes=4, crowd="users", name="users"),
        piece(minutes=2, touches=MAIL, name="mail"),
        piece(minutes=1, name="anything"),
    ]
    planned = schedule(pieces)
    assert names(planned.chains) == [["users", "anything"], ["web"], ["mail"]]
    assert [chain.to_itself for chain in planned.chains] == [True, False, False]
    assert [one.name for one in planned.order] == ["users", "anything", "web", "mail"]
    assert planned.longest == planned.wall(3) == planned.wall(2) == timedelta(minutes=8)
    assert planned.wall(1) == timedelta(minutes=10)


def test_what_has_most_to_come_after_it_begins_first() -> None:
    pieces = [piece("shop", 2, name="a"), piece("bank", 1, name="b"), piece("bank", 3, name="c")]
    assert [one.name for one in schedule(pieces).order] == ["b", "c", "a"]


def test_nobody_begins_beside_what_it_depends_on() -> None:
    web, mail, users = piece(touches=WEB), piece(touches=MAIL), piece(crowd="users")
    assert next_of([users, mail], [web]) is mail
    assert next_of([users], [web]) is None
    assert next_of([web], [piece("bank", alone=True)]) is None
    assert next_of([users, web], []) is users


def test_nothing_takes_no_time() -> None:
    assert schedule([]).wall(3) == schedule([]).longest == timedelta(0)
