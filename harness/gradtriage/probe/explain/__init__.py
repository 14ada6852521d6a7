"""Why a gradient is what it is: replays of the test, differences as oracle, a trace, and counterfactual proofs."""
