"""Video and pictures to skeletons with BlazePose GHUM (optional extra `video`); independent of torch."""
