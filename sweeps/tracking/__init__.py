"""What trials report, where people look for it: TensorBoard, Weights & Biases, MLflow."""
