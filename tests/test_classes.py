"""The 16 classes and the 81 points with degrees: names, the lattice order, neighbours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexloop.classes import FULLY_FLEXIBLE, RIGID, Axis, Degree, FlexClass, all_classes
from flexloop.errors import UnknownNameError
from flexloop.lattice import lines

points = st.builds(FlexClass, *[st.sampled_from(Degree)] * 4)
parse = FlexClass.parse


@pytest.mark.parametrize("text", ["T1O0P1S0", "t1o0p1s0", "  T1O0P1S0\n", "T1o0P1s0"])
def test_case_and_surrounding_space_do_not_matter(text: str) -> None:
    assert parse(text) == FlexClass(Degree.FULL, Degree.FIXED, Degree.FULL, Degree.FIXED)


@pytest.mark.parametrize("text", ["TpO0P1S0", "TPO0P1S0", "tpo0p1s0"])
def test_degree_p_is_read_and_written_in_lower_case(text: str) -> None:
    assert str(parse(text)) == "TpO0P1S0"
    assert parse(text).degree(Axis.TILING) is Degree.PART


@given(points)
def test_every_point_reads_back_from_its_own_name(point: FlexClass) -> None:
    assert parse(str(point)) == point
    assert FlexClass.of(str(point)) == FlexClass.of(point) == point


@pytest.mark.parametrize("text", ["", "T1O0P1", "T1O0P1S2", "O0T1P1S0", "T1O0P1S0S0", "1010", "T1 O0 P1 S0"])
def test_other_texts_are_refused_with_the_value_and_the_way_out(text: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        parse(text)
    assert repr(text) in str(error.value)
    assert "flexloop classes" in str(error.value)


def test_a_near_miss_names_what_may_have_been_meant() -> None:
    with pytest.raises(UnknownNameError, match="did you mean .*'T1O0P1S0'"):
        parse("T1O0P1SO")


def test_there_are_16_classes_and_81_points() -> None:
    assert len(set(all_classes())) == len(all_classes()) == 16
    assert len(set(all_classes(degrees=True))) == len(all_classes(degrees=True)) == 81
    assert set(all_classes()) < set(all_classes(degrees=True))


@pytest.mark.parametrize("degrees", [False, True])
def test_all_classes_lists_subclasses_before_superclasses(degrees: bool) -> None:
    listed = all_classes(degrees=degrees)
    assert listed[0] == RIGID
    assert listed[-1] == FULLY_FLEXIBLE
    assert not [(a, b) for i, a in enumerate(listed) for b in listed[i + 1 :] if b < a]


def test_a_point_belongs_to_the_class_in_which_p_counts_as_1() -> None:
    assert str(parse("TpO0P1Sp").bits) == "T1O0P1S1"
    assert all(c.bits == c for c in all_classes())


@given(points, points)
def test_order_is_that_of_every_axis(a: FlexClass, b: FlexClass) -> None:
    assert (a <= b) == all(x <= y for x, y in zip(a.degrees, b.degrees, strict=True))
    assert (a >= b) == (b <= a)
    assert (a < b) == (a <= b and a != b) == (b > a)


@given(points, points, points)
def test_order_is_partial(a: FlexClass, b: FlexClass, c: FlexClass) -> None:
    assert a <= a
    assert not (a <= b <= a) or a == b
    assert not (a <= b <= c) or a <= c
    assert RIGID <= a <= FULLY_FLEXIBLE


def test_some_classes_cannot_be_compared() -> None:
    tiling, ordering = parse("T1O0P0S0"), parse("T0O1P0S0")
    assert not tiling <= ordering
    assert not ordering <= tiling


def test_degrees_are_ordered_fixed_part_full() -> None:
    assert Degree.FIXED < Degree.PART < Degree.FULL
    assert parse("T0O0P0S0") < parse("TpO0P0S0") < parse("T1O0P0S0")


def test_subclasses_of_a_class_leave_out_the_class_itself() -> None:
    assert [str(c) for c in parse("T1O0P1S0").subclasses()] == ["T0O0P0S0", "T0O0P1S0", "T1O0P0S0"]
    assert RIGID.subclasses() == []
    assert len(FULLY_FLEXIBLE.subclasses(degrees=True)) == 80


@given(points, points)
def test_superclasses_mirror_subclasses(a: FlexClass, b: FlexClass) -> None:
    assert (a in b.subclasses(degrees=True)) == (b in a.superclasses(degrees=True)) == (a < b)
    assert set(a.superclasses()) == set(a.superclasses(degrees=True)) & set(all_classes())


@pytest.mark.parametrize("degrees", [False, True])
def test_neighbours_differ_by_one_step_on_one_axis(degrees: bool) -> None:
    steps = list(Degree) if degrees else [Degree.FIXED, Degree.FULL]
    pairs = lines(all_classes(degrees=degrees))
    for point in all_classes(degrees=degrees):
        below = {
            point.replace(axis, steps[steps.index(point.degree(axis)) - 1])
            for axis in Axis
            if point.degree(axis) is not Degree.FIXED
        }
        assert {lower for lower, upper in pairs if upper == point} == below


def test_rank_counts_steps_from_the_rigid_class() -> None:
    assert (RIGID.rank, parse("TpO0P1S0").rank, FULLY_FLEXIBLE.rank) == (0, 3, 8)


def test_replace_changes_one_axis() -> None:
    assert str(parse("T1O0P1S0").replace(Axis.SHAPE, Degree.PART)) == "T1O0P1Sp"
