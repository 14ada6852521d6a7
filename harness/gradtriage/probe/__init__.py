"""What the tests' gradient calls did: interception point -> record -> sink.

`install` hangs wrappers into torch, `interception` decides which call is one to look at, the kinds of calls
(`backward`, `gradcheck`, `functional`) make a record of it, and the record goes to a `sinks.Sink`. Only the
modules that `install` imports once torch is there import torch.
"""
