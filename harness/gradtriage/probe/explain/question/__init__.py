"""One gradient computation in question: autograd against differences, under any counterfactual."""
