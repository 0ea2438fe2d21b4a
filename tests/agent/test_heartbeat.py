"""The heartbeat: for how long the loop has not run."""

from tests.agent.running import Clock

from ringfence.agent.heartbeat import HANGS, Heartbeat


def test_each_beat_ends_the_silence() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    clock.now += 7
    assert heartbeat.silence == 7
    assert heartbeat.beat() == clock.now
    assert heartbeat.silence == 0


def test_only_a_loop_that_hangs_is_to_be_restarted() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    clock.now += HANGS
    assert heartbeat.liveness_error() == ""
    clock.now += 1
    assert heartbeat.liveness_error() == "the loop has not run for 61 s"
