"""How much a result gains where the checkpoint is chosen on the cases that are reported."""
