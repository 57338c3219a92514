//! Snapshots: blurry, restored and events as PNG files, and the events as CSV.

use super::wake::Wake;
use super::widgets::toast::{Message, ToastKind};
use crate::event::render;
use crate::formats::pictures::write_png;
use crate::image::ImageU8;
use crate::live::RestoredFrame;
use crate::panics::caught;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// Saves instant `index` of a restored frame on a worker thread, and reports the result.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn save_in_background(
    frame: Arc<RestoredFrame>,
    index: usize,
    messages: Sender<Message>,
    wake: Wake,
) -> std::io::Result<()> {
    let work = move || {
        let message = report(|| save(&frame, index, &crate::sequence::snapshots()));
        // The window may have been closed meanwhile; then the message is dropped.
        let _ = messages.send(message);
        // While paused, nothing else triggers a repaint.
        wake();
    };
    std::thread::Builder::new().name("snapshot".into()).spawn(work)?;
    Ok(())
}

/// The message about a snapshot, also if saving it panicked.
fn report(save: impl FnOnce() -> Result<String, String>) -> Message {
    match caught(save).and_then(|saved| saved) {
        Ok(text) => (ToastKind::Success, text),
        Err(why) => (ToastKind::Error, why),
    }
}

/// Writes the files of instant `index` of a restored frame; returns a message that says where.
///
/// # Errors
/// A file cannot be encoded or written; the text names it.
fn save(frame: &RestoredFrame, index: usize, folder: &Path) -> Result<String, String> {
    let exposure = &frame.captured.exposure;
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let name =
        |what: &str| folder.join(format!("snapshot-{seconds}-{:06}-{what}", frame.captured.number));
    let events = render(&exposure.events, exposure.span, exposure.sensor, exposure.frame.size());
    let png =
        |what: &str, picture: &ImageU8| write_png(&name(what), picture).map_err(|e| e.to_string());
    png("blurry.png", &frame.captured.picture)?;
    png("events.png", &events)?;
    let mut table = String::from("t_us,x,y,p\n");
    for e in &exposure.events {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{},{},{},{}", e.t_us, e.x, e.y, u8::from(e.polarity));
    }
    crate::formats::atomic_file::write(&name("events.csv"), table.as_bytes())
        .map_err(|e| e.to_string())?;
    match (frame.restored.get(index), &frame.on_device) {
        (Some(restored), _) => png("restored.png", restored)?,
        (None, Some(picture)) => png("restored.png", &picture.read()?)?,
        (None, None) => {}
    }
    let place = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    Ok(format!("Snapshot saved in {}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_while_a_snapshot_is_saved_is_reported() {
        let (kind, text) = report(|| panic!("on purpose"));
        assert_eq!(kind, ToastKind::Error);
        assert!(text.contains("internal error") && text.contains("on purpose"), "{text}");
        assert_eq!(report(|| Err("full".into())), (ToastKind::Error, "full".to_owned()));
        assert_eq!(report(|| Ok("saved".into())), (ToastKind::Success, "saved".to_owned()));
    }
}
