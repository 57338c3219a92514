//! Files that are dropped onto the window: recordings and weights.

use super::*;
use std::path::PathBuf;

#[test]
fn unusable_files_are_reported_once_each() {
    let mut w = shown(window(&Script::default()));
    let folder = tempfile::tempdir().unwrap();
    let letter = folder.path().join("letter.odt");
    std::fs::write(&letter, b"dear").unwrap();
    drop_file(&mut w, &letter);
    assert!(shows(&w, "letter.odt is neither weights"));
    let weights = folder.path().join("broken.ckpt");
    std::fs::write(&weights, b"not weights").unwrap();
    drop_file(&mut w, &weights);
    until(&mut w, "the notice", |w| w.session.notices().len() == 1);
    w.run_steps(2);
    let count = |w: &Shown| {
        let all = w.query_all_by_label_contains("broken.ckpt:");
        all.count()
    };
    assert_eq!(count(&w), 1);
    assert_eq!(w.state().session.weights(), "built-in", "the previous weights stay in use");
    click(&mut w, "Dismiss");
    assert_eq!(count(&w), 0);
}

#[test]
fn dropped_weights_are_loaded_at_once() {
    let mut w = shown(window(&Script::default()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    std::fs::copy("assets/weights.safetensors", &path).unwrap();
    drop_file(&mut w, &path);
    until(&mut w, "the weights", |w| w.session.weights() == "mine.safetensors");
    assert!(w.state().session.notices().is_empty());
}

/// The built-in weights with `offset` added to the first value, as safetensors.
fn weights_with(offset: f32) -> Vec<u8> {
    let mut tensors: std::collections::BTreeMap<_, _> =
        embedded().iter().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
    tensors.values_mut().next().unwrap().data[0] += offset;
    Weights::from_tensors(tensors).unwrap().to_safetensors(false).unwrap()
}

/// Brightness of the restored picture minus that of the blurry one, in levels.
fn brightening(w: &App) -> Option<u8> {
    let outcome = w.player.latest.as_ref()?;
    let restored = outcome.restored.first()?.data().first()?;
    Some(restored - outcome.captured.picture.data().first()?)
}

#[test]
fn a_replaced_weights_file_is_reloaded_and_a_broken_one_is_ignored() {
    let mut w = shown(window(&Script::default()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    crate::formats::atomic_file::write(&path, &weights_with(10.0)).unwrap();
    drop_file(&mut w, &path);
    until(&mut w, "the weights", |w| brightening(w) == Some(60));
    crate::formats::atomic_file::write(&path, &weights_with(30.0)).unwrap();
    until(&mut w, "the new weights", |w| brightening(w) == Some(80));
    w.run_steps(2);
    assert!(shows(&w, "mine.safetensors has changed: the new weights are in use"));
    std::fs::write(&path, b"not weights").unwrap();
    for _ in 0..400 {
        w.step();
        std::thread::sleep(Duration::from_millis(10));
        if shows(&w, "Cannot reload the weights") {
            break;
        }
    }
    assert!(shows(&w, "Cannot reload the weights, the previous ones stay"));
    assert_eq!(brightening(w.state()), Some(80));
    assert!(w.state().session.notices().is_empty(), "reported once");
    // A repaired file is loaded again, and the next source uses the weights too.
    crate::formats::atomic_file::write(&path, &weights_with(40.0)).unwrap();
    until(&mut w, "the repaired weights", |w| brightening(w) == Some(90));
    w.state_mut().open(SourceName::clip().into());
    until(&mut w, "the clip", |w| brightening(w) == Some(90));
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

fn drop_file(w: &mut Shown, path: &std::path::Path) {
    w.input_mut().dropped_files.push(Arc::new(Dropped(path.to_owned())));
    w.run_steps(3);
}

#[test]
fn weights_dropped_while_a_source_opens_are_used_with_it() {
    let (open_now, opening) = std::sync::mpsc::channel::<()>();
    let opening = Mutex::new(opening);
    let slow: recipe::Open = Arc::new(move |_, _| {
        // Like a camera whose library opens slowly.
        let _ = opening.lock().unwrap().recv();
        Ok(Box::new(Fake { script: Script::default(), number: 0 }) as Box<dyn ExposureSource>)
    });
    let recipe = recipe(slow);
    let source = Box::new(Fake { script: Script::default(), number: 0 });
    let pipeline = recipe.start(source).unwrap();
    let name = Sources::One(SourceName::davis(None));
    let session = Session::new(pipeline, RigHandle::default(), name, recipe, None);
    let mut w = shown(App::new(session, None, None, Arc::new(|| ())));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    crate::formats::atomic_file::write(&path, &weights_with(20.0)).unwrap();
    w.state_mut().open(SourceName::davis(Some("2")).into());
    w.run_steps(2);
    assert!(w.state().session.opening());
    drop_file(&mut w, &path);
    assert!(shows(&w, "Loading the weights mine.safetensors"));
    open_now.send(()).unwrap();
    until(&mut w, "a picture with the new weights", |w| brightening(w) == Some(70));
    assert_eq!(w.state().session.weights(), "mine.safetensors");
}
