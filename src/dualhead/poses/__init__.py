"""Video and pictures to skeletons with BlazePose GHUM (optional extra `video`); independent of torch."""

__all__ = ["command", "recording", "tracker", "video", "weights"]
