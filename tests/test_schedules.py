import pytest

from sle_gan.sparsity.schedules import Reconfiguration, TicketRounds, cosine, default_reconfiguration


@pytest.mark.paper("Re-GAN", "Saxena et al., CVPR 2023", "sparse at the base rate, dense at a tenth of it, in turn")
def test_phases_are_dense_then_sparse_and_dense_in_turn():
    schedule = Reconfiguration(warmup=10, interval=4)
    at = {step: schedule.phase_at(step) for step in (0, 9, 10, 13, 14, 17, 18, 22)}
    assert {step: phase.is_sparse for step, phase in at.items()} == {
        0: False, 9: False, 10: True, 13: True, 14: False, 17: False, 18: True, 22: False
    }  # fmt: skip
    assert [at[step].rate for step in (0, 10, 14, 18)] == [1.0, 1.0, 0.1, 1.0]
    assert [at[step].start for step in (9, 13, 17, 18)] == [0, 10, 14, 18]


def test_the_timeline_covers_the_training_without_a_gap():
    timeline = Reconfiguration(10, 4).timeline(21)
    assert [(phase.start, end) for phase, end in timeline] == [(0, 10), (10, 14), (14, 18), (18, 21)]
    assert [phase.index for phase, _ in timeline] == [0, 1, 2, 3]


@pytest.mark.parametrize("step", [0, 9, 10, 11, 13, 14])
def test_the_next_change_is_the_first_step_of_another_phase(step):
    schedule = Reconfiguration(10, 4)
    change = schedule.next_change(step)
    assert schedule.phase_at(change - 1) == schedule.phase_at(step)
    assert schedule.phase_at(change) != schedule.phase_at(step)


@pytest.mark.paper("Re-GAN", "Saxena et al., CVPR 2023", "a quarter of the training and eighths of it")
def test_the_usual_phases_have_the_papers_proportions():
    assert default_reconfiguration(40_000, 12.5) == Reconfiguration(10_000, 5_000)
    assert default_reconfiguration(100, 30.2) == Reconfiguration(31, 31)


@pytest.mark.paper("Tickets", "Chen et al., ICLR 2021", "20 % of what is left is pruned each round: 80, 64, 51.2 %")
def test_rounds_get_sparser_and_are_shorter_by_the_rewinding_point():
    rounds = TicketRounds(count=3, rate=0.2, steps=100, rewind_step=20)
    assert [rounds.end_of(number) for number in range(3)] == [100, 180, 260]
    assert rounds.total_steps == 260
    assert [rounds.density_after(number) for number in range(3)] == pytest.approx([0.8, 0.64, 0.512])
    assert TicketRounds(3, 0.2, 100, None).total_steps == 300


def test_the_cosine_goes_from_the_first_to_the_last_value():
    assert [cosine(0.5, 0.1, step, 8) for step in (0, 4, 8, 12)] == pytest.approx([0.5, 0.3, 0.1, 0.1])
