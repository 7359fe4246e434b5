"""Both acts of the demonstration, one after the other, in the same books."""

from pathlib import Path

from app.demo.life import Life
from app.demo.stage import Stage, say, step
from app.demo.story import Story


def play(folder: Path) -> None:
    """Play everything in ``folder``; raises DemoFailed at the first step that goes otherwise."""
    stage = Stage(folder)
    say("Starting a server of the demonstration's own …")
    with stage.running():
        story = Story(stage)
        story.play()
        Life(story).play()
        step("The ledger is replayed from zero and compared")
        for line in stage.gengheng("verify").splitlines():
            say(f"    {line}")
    step(f"Done. What was published stays in {folder}:")
    for file in sorted(path for path in folder.iterdir() if path.suffix in (".json", ".pdf", ".xlsx")):
        say(f"    {file.name}")
