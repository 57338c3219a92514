//! How worker threads request a repaint of the window.

use std::sync::Arc;

/// Requests a repaint. Without it, a result would be shown with the next input only.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;
