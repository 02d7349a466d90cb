//! What a scraper accepts.

use super::Format;

/// The format that the header `Accept` prefers; text where it says nothing that is known.
#[must_use]
pub fn format(accept: Option<&str>) -> Format {
    let accept = accept.unwrap_or_default();
    let open_metrics = quality(accept, &["application/openmetrics-text"]).unwrap_or(0.0);
    let text = quality(accept, &["text/plain"])
        .or_else(|| quality(accept, &["text/*", "*/*"]))
        .unwrap_or(0.0);
    if open_metrics > 0.0 && open_metrics >= text {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

/// Whether a body is sent compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
}

/// The encoding that the header `Accept-Encoding` allows.
#[must_use]
pub fn encoding(accept_encoding: Option<&str>) -> Encoding {
    match quality(accept_encoding.unwrap_or_default(), &["gzip"]) {
        Some(quality) if quality > 0.0 => Encoding::Gzip,
        _ => Encoding::Identity,
    }
}

/// The highest `q` that a header's list gives to one of these names.
fn quality(header: &str, names: &[&str]) -> Option<f32> {
    header
        .split(',')
        .filter_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts.next()?.to_ascii_lowercase();
            let mut qualities =
                parts.filter_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            names
                .contains(&name.as_str())
                .then(|| qualities.next().unwrap_or(1.0))
        })
        .max_by(f32::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prometheus_that_prefers_open_metrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(format(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(
            format(Some("application/openmetrics-text; version=1.0.0")),
            Format::OpenMetrics
        );
    }

    #[test]
    fn everyone_else_gets_text() {
        for accept in [
            None,
            Some(""),
            Some("*/*"),
            Some("text/html"),
            Some("text/plain, application/openmetrics-text;q=0.5"),
            Some("application/openmetrics-text;q=0"),
            Some("application/vnd.google.protobuf;q=0.9,*/*;q=0.1"),
        ] {
            assert_eq!(format(accept), Format::Text, "{accept:?}");
        }
    }

    #[test]
    fn a_body_is_compressed_only_on_request() {
        assert_eq!(encoding(Some("deflate, GZIP;q=0.8")), Encoding::Gzip);
        assert_eq!(encoding(Some("gzip;q=0")), Encoding::Identity);
        assert_eq!(encoding(Some("identity")), Encoding::Identity);
        assert_eq!(encoding(None), Encoding::Identity);
    }
}
