"""How it is shown: verdicts, evidence, rollouts and the status as text, JSON and pages. Nothing is measured or judged here."""
