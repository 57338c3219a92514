//! Reading source text: without comments and strings, word by word.

#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

/// Replaces comments, strings and character literals by spaces; line numbers stay the same.
pub fn without_comments_and_strings(text: &str) -> Vec<char> {
    let text: Vec<char> = text.chars().collect();
    let mut out = text.clone();
    let mut blank = |from: usize, to: usize| {
        for c in &mut out[from..to] {
            if *c != '\n' {
                *c = ' ';
            }
        }
    };
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut i = 0;
    while i < text.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < text.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 1;
                i += 2;
                while i < text.len() && depth > 0 {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                }
            }
            'r' if matches!(at(i + 1), '"' | '#')
                && (i == 0 || !word(at(i - 1)) || at(i - 1) == 'b') =>
            {
                let hashes = text[i + 1..].iter().take_while(|c| **c == '#').count();
                if at(i + 1 + hashes) != '"' {
                    i += 1;
                    continue;
                }
                i += hashes + 2;
                let closed = |i: usize| at(i) == '"' && (1..=hashes).all(|h| at(i + h) == '#');
                while i < text.len() && !closed(i) {
                    i += 1;
                }
                i = (i + hashes + 1).min(text.len());
            }
            '"' => {
                i += 1;
                while i < text.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i = (i + 1).min(text.len());
            }
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < text.len() && at(i) != '\'' {
                    i += 1;
                }
                i = (i + 1).min(text.len());
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            _ => {
                i += 1;
                continue;
            }
        }
        blank(start, i);
    }
    out
}

/// The word that begins at `i`; empty if there is none.
pub fn word_at(code: &[char], i: usize) -> &[char] {
    let rest = code.get(i..).unwrap_or_default();
    let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    &rest[..length]
}

/// The first place from `i` on that is not white space.
pub fn skip_space(code: &[char], mut i: usize) -> usize {
    while code.get(i).is_some_and(|c| c.is_whitespace()) {
        i += 1;
    }
    i
}

/// The number of the line at `i`, from 1.
pub fn line(code: &[char], i: usize) -> usize {
    1 + code[..i].iter().filter(|c| **c == '\n').count()
}

/// Past the bracket that closes the one at `i`.
pub fn past_bracket(code: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while let Some(c) = code.get(i) {
        i += 1;
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            _ => (),
        }
    }
    i
}

/// Past the generics at `i`, if there are any.
pub fn past_generics(code: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while let Some(c) = code.get(i) {
        match c {
            '<' => depth += 1,
            // An arrow is not a bracket.
            '>' if code[i - 1] != '-' => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return if *c == '>' { i + 1 } else { i };
        }
        i += 1;
    }
    i
}
