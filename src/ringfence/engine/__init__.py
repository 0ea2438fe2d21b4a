"""What policies mean: identities, compiled rules, tiers, verdicts, connectivity and explanations."""
