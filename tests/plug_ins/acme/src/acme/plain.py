"""The training loop `plain`: all epochs that the spec asks for, and the last weights are kept."""

from dataclasses import dataclass

from stellwerk.components.training.loops.base import Course, Trained

SHARES_BATCHES = True


def loop(course):
    """Returns the loop for a course."""
    return Plain(course)


@dataclass(frozen=True)
class Plain:
    """Learns from every row once in each epoch, and judges by the eval split."""

    course: Course

    def prepare(self):
        """Makes the graphs of a step that learns and of one that judges."""
        self.course.passes.fitting.trace()

    def run(self):
        """Returns the history; `plain` in it says how many rows an epoch had."""
        course, settings = self.course, self.course.settings
        rows, epochs = course.passes.reader.examples.rows("train"), []
        for epoch in range(1, settings.epochs + 1):
            done = (epoch - 1) * rows
            heard = lambda more, done=done: course.progress(done + more, settings.epochs * rows, "rows")  # noqa: E731
            learned = course.passes.learn(epoch, (settings.seed % 2**32, epoch), heard)
            epochs.append({"epoch": epoch, **learned, **course.passes.judge(epoch)})
        return Trained(epochs, best_epoch=len(epochs), stopped_early=False, resumed_from_epoch=0)
