//! Both engines against PyTorch.

mod pytorch;
