"""Questions to the engine: endpoints, answers, lists, differences, and edits that reverse an answer."""
