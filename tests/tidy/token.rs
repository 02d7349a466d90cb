//! Rust source as tokens, without comments; enough of a lexer for these rules.

/// One token. A literal keeps its quotes, so that its text is never taken for code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is_string(&self) -> bool {
        self.text.contains('"')
    }

    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_start)
    }
}

/// The tokens of a source file, in order.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = length_of_next(rest, first);
        let text = &rest[..length];
        if !first.is_whitespace() && !text.starts_with("//") && !text.starts_with("/*") {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// Where these tokens follow each other: the lines of their first.
pub(crate) fn lines_with(tokens: &[Token<'_>], sequence: &[&str]) -> Vec<usize> {
    tokens
        .windows(sequence.len())
        .filter(|window| {
            let texts = window.iter().map(|token| token.text);
            texts.eq(sequence.iter().copied())
        })
        .map(|window| window[0].line)
        .collect()
}

/// The tokens that are no part of a `#[cfg(test)]` item in braces.
pub(crate) fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let texts = tokens[at..].iter().map(|token| token.text);
        if texts.take(marker.len()).eq(marker) {
            at = end_of_item(tokens, at + marker.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn end_of_item(tokens: &[Token<'_>], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

fn length_of_next(rest: &str, first: char) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return length_of_block_comment(rest);
    }
    if let Some(length) = length_of_string(rest) {
        return length;
    }
    if first == '\'' {
        return length_of_character_or_lifetime(rest);
    }
    if is_word_start(first) || first.is_ascii_digit() {
        return rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    }
    if rest.starts_with("::") {
        return 2;
    }
    first.len_utf8()
}

fn length_of_block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a string literal with its prefix, raw or not.
fn length_of_string(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    let is_raw = rest[..prefix].ends_with('r');
    let after_prefix = &rest[prefix..];
    if is_raw {
        let hashes = after_prefix.find(|c| c != '#')?;
        if !after_prefix[hashes..].starts_with('"') {
            return None;
        }
        let body = prefix + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        let found = rest[body..]
            .find(&end)
            .unwrap_or(rest.len() - body - end.len());
        return Some(body + found + end.len());
    }
    if !after_prefix.starts_with('"') {
        return None;
    }
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(prefix + 1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

fn length_of_character_or_lifetime(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((escape, _))) => {
            let after = escape + 1;
            rest[after..]
                .find('\'')
                .map_or(rest.len(), |end| after + end + 1)
        }
        (Some(_), Some((quote, '\''))) => quote + 1,
        _ => rest[1..]
            .find(|c| !is_word(c))
            .map_or(rest.len(), |end| end + 1),
    }
}

fn is_word_start(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[test]
fn comments_are_no_tokens_and_literals_are_one() {
    let source = "a/* x /* y */ z */b // c\n'd' '\\'' 'e \"f\\\"g\" r#\"h\"i\"# b\"j\" k::l";
    let texts: Vec<_> = tokens(source).iter().map(|token| token.text).collect();
    let expected = [
        "a",
        "b",
        "'d'",
        "'\\''",
        "'e",
        "\"f\\\"g\"",
        "r#\"h\"i\"#",
        "b\"j\"",
        "k",
        "::",
        "l",
    ];
    assert_eq!(texts, expected);
    assert_eq!(tokens(source)[2].line, 2);
}

#[test]
fn items_under_cfg_test_can_be_left_out() {
    let all = tokens("a #[cfg(test)] mod t { b { c } } d #[cfg(test)] mod u; e");
    let texts: Vec<_> = without_tests(&all).iter().map(|token| token.text).collect();
    assert_eq!(texts, ["a", "d", "e"]);
}
