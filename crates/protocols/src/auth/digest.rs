//! The arithmetic of Digest. Source: RFC 2069 §2.1.2, RFC 7616 §3.4.
use super::challenge::Algorithm;
use md5::Digest as _;

/// Everything a response is computed from.
pub(crate) struct Inputs<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) user: &'a str,
    pub(crate) realm: &'a str,
    pub(crate) password: &'a str,
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) nonce: &'a str,
    /// Of a session algorithm, or of `qop`.
    pub(crate) cnonce: &'a str,
    /// `qop` and nonce count as they stand in the header; none for the form of RFC 2069.
    pub(crate) qop: Option<(&'a str, &'a str)>,
}

impl Inputs<'_> {
    /// The response in lower-case hex.
    pub(crate) fn response(&self) -> String {
        let hash = |text: &str| hash_hex(self.algorithm, text);
        let mut a1 = hash(&format!("{}:{}:{}", self.user, self.realm, self.password));
        match self.algorithm {
            Algorithm::Md5Sess | Algorithm::Sha256Sess => {
                a1 = hash(&format!("{a1}:{}:{}", self.nonce, self.cnonce));
            }
            Algorithm::Md5 | Algorithm::Sha256 => {}
        }
        let a2 = hash(&format!("{}:{}", self.method, self.uri));
        match self.qop {
            Some((qop, count)) => hash(&format!("{a1}:{}:{count}:{}:{qop}:{a2}", self.nonce, self.cnonce)),
            None => hash(&format!("{a1}:{}:{a2}", self.nonce)),
        }
    }
}

fn hash_hex(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::Md5 | Algorithm::Md5Sess => hex(&md5::Md5::digest(text.as_bytes())),
        Algorithm::Sha256 | Algorithm::Sha256Sess => {
            hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
        }
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2617_comes_out() {
        let inputs = Inputs {
            algorithm: Algorithm::Md5,
            user: "Mufasa",
            realm: "testrealm@host.com",
            password: "Circle Of Life",
            method: "GET",
            uri: "/dir/index.html",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            cnonce: "0a4f113b",
            qop: Some(("auth", "00000001")),
        };
        assert_eq!(inputs.response(), "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn the_example_of_rfc_2069_comes_out_as_its_erratum_says() {
        let inputs = Inputs {
            algorithm: Algorithm::Md5,
            user: "Mufasa",
            realm: "testrealm@host.com",
            password: "CircleOfLife",
            method: "GET",
            uri: "/dir/index.html",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            cnonce: "",
            qop: None,
        };
        assert_eq!(inputs.response(), "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        for (algorithm, response) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let inputs = Inputs {
                algorithm,
                user: "Mufasa",
                realm: "http-auth@example.org",
                password: "Circle of Life",
                method: "GET",
                uri: "/dir/index.html",
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                qop: Some(("auth", "00000001")),
            };
            assert_eq!(inputs.response(), response);
        }
    }
}
