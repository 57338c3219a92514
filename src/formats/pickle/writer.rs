//! Writes pickles of protocol 2, which Python 2.3 and later read.

/// Appends one object after another; containers are filled by closures.
#[derive(Clone, Debug)]
pub struct Writer {
    out: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// An empty pickle.
    pub fn new() -> Self {
        Self { out: vec![0x80, 2] }
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        self.out.push(b'X');
        // Names and keys are far shorter than 4 GiB.
        self.out.extend((text.len() as u32).to_le_bytes());
        self.out.extend(text.as_bytes());
    }

    /// An integer, in as few bytes as possible.
    pub fn int(&mut self, value: i64) {
        if let Ok(small) = u8::try_from(value) {
            self.out.extend([b'K', small]);
        } else if let Ok(small) = u16::try_from(value) {
            self.out.push(b'M');
            self.out.extend(small.to_le_bytes());
        } else if let Ok(middle) = i32::try_from(value) {
            self.out.push(b'J');
            self.out.extend(middle.to_le_bytes());
        } else {
            self.out.extend([0x8a, 8]);
            self.out.extend(value.to_le_bytes());
        }
    }

    /// A floating-point number.
    pub fn float(&mut self, value: f64) {
        self.out.push(b'G');
        self.out.extend(value.to_be_bytes());
    }

    /// `True` or `False`.
    pub fn truth(&mut self, value: bool) {
        self.out.push(if value { 0x88 } else { 0x89 });
    }

    /// A class or function by its module and name; line breaks in them are removed.
    pub fn global(&mut self, module: &str, name: &str) {
        self.out.push(b'c');
        for part in [module, name] {
            self.out.extend(part.bytes().filter(|b| *b != b'\n'));
            self.out.push(b'\n');
        }
    }

    /// A tuple of the objects that `parts` appends.
    pub fn tuple(&mut self, parts: impl FnOnce(&mut Self)) {
        self.out.push(b'(');
        parts(self);
        self.out.push(b't');
    }

    /// A list of the objects that `parts` appends.
    pub fn list(&mut self, parts: impl FnOnce(&mut Self)) {
        self.out.extend(b"](");
        parts(self);
        self.out.push(b'e');
    }

    /// A dictionary of the objects that `entries` appends: key, value, key, value.
    pub fn dict(&mut self, entries: impl FnOnce(&mut Self)) {
        self.out.push(b'}');
        self.entries(entries);
    }

    /// Stores entries into the dictionary-like object that was appended last.
    pub fn entries(&mut self, entries: impl FnOnce(&mut Self)) {
        self.out.push(b'(');
        entries(self);
        self.out.push(b'u');
    }

    /// A call of `module.name` with the arguments that `arguments` appends.
    pub fn call(&mut self, module: &str, name: &str, arguments: impl FnOnce(&mut Self)) {
        self.global(module, name);
        self.tuple(arguments);
        self.out.push(b'R');
    }

    /// A reference to something outside the pickle; its identifier is the tuple of the objects
    /// that `id` appends.
    pub fn persistent(&mut self, id: impl FnOnce(&mut Self)) {
        self.tuple(id);
        self.out.push(b'Q');
    }

    /// The pickle's bytes. Exactly one object must have been appended.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(b'.');
        self.out
    }
}
