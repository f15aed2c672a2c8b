"""Video and pictures to skeletons with BlazePose GHUM (optional extra `video`); knows no torch."""
