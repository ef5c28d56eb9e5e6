"""The lower bound of a batch, and the wall times of drivers without overhead."""

from rollout_bench.bounds import Bound, ideal_lock_step, ideal_queue


def test_the_bound_is_the_largest_of_its_three_terms():
    latencies = [[1.0, 1.0], [3.0], [1.0]]
    bound = Bound.of(latencies, 2, 8.0)
    assert (bound.critical_path_s, bound.work_s, bound.rate_s) == (3.0, 3.0, 0.5)
    assert Bound.of(latencies, 1, None).wall_s == 6.0
    assert Bound.of(latencies, 2, 0.5).wall_s == 8.0


def test_the_ideal_queue_serves_calls_in_order_of_arrival():
    latencies = [[1.0, 3.0], [2.0], [1.0]]
    assert ideal_queue(latencies, 1) == 7.0
    # Two slots: at 1 s, episode 2 goes before the second round of episode 0, which starts at 2 s.
    assert ideal_queue(latencies, 2) == 5.0
    assert ideal_queue(latencies, 64) == 4.0
    # One start every two seconds: the last of the four calls starts at 8 s.
    assert ideal_queue(latencies, 64, rate=0.5) == 11.0


def test_lock_step_takes_the_sum_of_its_rounds():
    # Two threads: the first round takes 3 (2 beside 1 + 1 + 1), the second round, of one episode, 5.
    assert ideal_lock_step([[2.0, 5.0], [1.0], [1.0], [1.0]], 2) == 8.0
