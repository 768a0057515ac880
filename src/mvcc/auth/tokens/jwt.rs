//! JSON web tokens: who has the key can make them, here or elsewhere.
//!
//! One method is used, the one that was chosen: what a token says of its own is not heeded.

use crate::mvcc::auth::Caller;
use crate::mvcc::clock::now_ms;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use ring::{hmac, rsa};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo, X509Certificate};

/// Why tokens cannot be made or read with what was given.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No such way to sign.
    #[error(
        "the sign method is one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, \
         ES256, ES384 and EdDSA"
    )]
    Method,
    /// Nothing to sign or to verify with.
    #[error("a key is missing: give priv-key, or pub-key for tokens that are made elsewhere")]
    NoKey,
    /// The private key cannot be used with the method.
    #[error("the private key cannot be used with this sign method")]
    PrivateKey,
    /// The public key cannot be used with the method.
    #[error(
        "the public key cannot be used: it must be PEM of a public key of this sign method, or of a certificate with one"
    )]
    PublicKey,
    /// They do not belong together.
    #[error("the public key is not that of the private key")]
    Mismatch,
}

/// Makes and reads them.
pub struct Jwt {
    header: String,
    key: Key,
    ttl: Duration,
}

enum Key {
    Hmac(hmac::Key),
    Pair {
        verify: &'static dyn signature::VerificationAlgorithm,
        public: Vec<u8>,
        /// None where tokens are made elsewhere.
        private: Option<Private>,
    },
}

enum Private {
    Rsa(rsa::KeyPair, &'static dyn signature::RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
}

/// As etcd has them.
#[derive(Serialize, Deserialize)]
struct Claims {
    username: String,
    revision: f64,
    /// Seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<f64>,
}

impl Jwt {
    /// Of tokens that are signed by a method, with keys that are given as PEM (a secret as it is),
    /// and live so long.
    pub fn new(
        method: &str,
        private: Option<&[u8]>,
        public: Option<&[u8]>,
        ttl: Duration,
    ) -> Result<Self, TokenError> {
        let header = Header {
            alg: method,
            typ: "JWT",
        };
        let header = serde_json::to_vec(&header).map_err(|_| TokenError::Method)?;
        Ok(Self {
            header: URL_SAFE_NO_PAD.encode(header),
            key: key(method, private, public)?,
            ttl,
        })
    }

    /// A token for a user; `None` where they are made elsewhere.
    pub fn assign(&self, user: &str, revision: u64) -> Option<String> {
        let claims = Claims {
            username: user.to_owned(),
            revision: revision as f64,
            exp: Some(((now_ms() / 1000) + self.ttl.as_secs() as i64) as f64),
            nbf: None,
        };
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).ok()?);
        let signed = format!("{}.{claims}", self.header);
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes())?);
        Some(format!("{signed}.{signature}"))
    }

    /// Whose a token is.
    pub fn caller(&self, token: &str) -> Option<Caller> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !self.key.verifies(signed.as_bytes(), &signature) {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let now = now_ms() as f64 / 1000.0;
        let is_now =
            claims.exp.is_none_or(|exp| now < exp) && claims.nbf.is_none_or(|nbf| nbf <= now);
        is_now.then(|| Caller::User {
            name: claims.username.into(),
            revision: claims.revision as u64,
        })
    }
}

impl Key {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Hmac(key) => Some(hmac::sign(key, message).as_ref().to_vec()),
            Self::Pair { private, .. } => match private.as_ref()? {
                Private::Rsa(pair, encoding) => {
                    let mut signature = vec![0; pair.public().modulus_len()];
                    let signed = pair.sign(*encoding, &random, message, &mut signature);
                    signed.ok().map(|()| signature)
                }
                Private::Ecdsa(pair) => {
                    let signature = pair.sign(&random, message).ok()?;
                    Some(signature.as_ref().to_vec())
                }
                Private::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
            },
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Pair { verify, public, .. } => signature::UnparsedPublicKey::new(*verify, public)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

fn key(method: &str, private: Option<&[u8]>, public: Option<&[u8]>) -> Result<Key, TokenError> {
    let hmac = |algorithm| {
        let secret = private.filter(|secret| !secret.is_empty());
        let secret = secret.ok_or(TokenError::NoKey)?;
        Ok(Key::Hmac(hmac::Key::new(algorithm, secret)))
    };
    let rsa = |verify, encoding| {
        let read = |key: &PrivateKeyDer<'_>| rsa_key(key).map(|pair| Private::Rsa(pair, encoding));
        pair(verify, private, public, read)
    };
    let ecdsa = |verify, algorithm: &'static signature::EcdsaSigningAlgorithm, curve| {
        let read = |key: &PrivateKeyDer<'_>| ecdsa_key(algorithm, curve, key).map(Private::Ecdsa);
        pair(verify, private, public, read)
    };
    match method {
        "HS256" => hmac(hmac::HMAC_SHA256),
        "HS384" => hmac(hmac::HMAC_SHA384),
        "HS512" => hmac(hmac::HMAC_SHA512),
        "RS256" => rsa(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            &signature::RSA_PKCS1_SHA256,
        ),
        "RS384" => rsa(
            &signature::RSA_PKCS1_2048_8192_SHA384,
            &signature::RSA_PKCS1_SHA384,
        ),
        "RS512" => rsa(
            &signature::RSA_PKCS1_2048_8192_SHA512,
            &signature::RSA_PKCS1_SHA512,
        ),
        "PS256" => rsa(
            &signature::RSA_PSS_2048_8192_SHA256,
            &signature::RSA_PSS_SHA256,
        ),
        "PS384" => rsa(
            &signature::RSA_PSS_2048_8192_SHA384,
            &signature::RSA_PSS_SHA384,
        ),
        "PS512" => rsa(
            &signature::RSA_PSS_2048_8192_SHA512,
            &signature::RSA_PSS_SHA512,
        ),
        "ES256" => ecdsa(
            &signature::ECDSA_P256_SHA256_FIXED,
            &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            P256,
        ),
        "ES384" => ecdsa(
            &signature::ECDSA_P384_SHA384_FIXED,
            &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            P384,
        ),
        "EdDSA" => pair(&signature::ED25519, private, public, |key| match key {
            PrivateKeyDer::Pkcs8(der) => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
                pair.ok().map(Private::Ed25519)
            }
            _ => None,
        }),
        _ => Err(TokenError::Method),
    }
}

/// A pair of which one key may be missing.
fn pair(
    verify: &'static dyn signature::VerificationAlgorithm,
    private: Option<&[u8]>,
    public: Option<&[u8]>,
    read: impl FnOnce(&PrivateKeyDer<'_>) -> Option<Private>,
) -> Result<Key, TokenError> {
    let public = public.map(public_key).transpose()?;
    let Some(private) = private else {
        return Ok(Key::Pair {
            verify,
            public: public.ok_or(TokenError::NoKey)?,
            private: None,
        });
    };
    let key = PrivateKeyDer::from_pem_slice(private).map_err(|_| TokenError::PrivateKey)?;
    let private = read(&key).ok_or(TokenError::PrivateKey)?;
    let own = match &private {
        Private::Rsa(pair, _) => pair.public_key().as_ref().to_vec(),
        Private::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
        Private::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
    };
    if public.is_some_and(|public| public != own) {
        return Err(TokenError::Mismatch);
    }
    Ok(Key::Pair {
        verify,
        public: own,
        private: Some(private),
    })
}

/// The public key in a file, or that of the certificate in it.
fn public_key(text: &[u8]) -> Result<Vec<u8>, TokenError> {
    if let Ok(der) = CertificateDer::from_pem_slice(text) {
        let certificate = X509Certificate::from_der(&der);
        let (_, certificate) = certificate.map_err(|_| TokenError::PublicKey)?;
        return Ok(certificate.public_key().subject_public_key.data.to_vec());
    }
    let der: Result<_, pem::Error> = SubjectPublicKeyInfoDer::from_pem_slice(text);
    let der = der.map_err(|_| TokenError::PublicKey)?;
    let (_, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| TokenError::PublicKey)?;
    Ok(info.subject_public_key.data.to_vec())
}

fn rsa_key(key: &PrivateKeyDer<'_>) -> Option<RsaKeyPair> {
    match key {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        _ => None,
    }
}

/// What stands before a SEC1 key of a curve where a PKCS#8 key is wanted: version 0, and the names
/// of elliptic curves and of this one.
const P256: &[u8] = &[
    0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
    0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
];
const P384: &[u8] = &[
    0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05,
    0x2b, 0x81, 0x04, 0x00, 0x22,
];

fn ecdsa_key(
    algorithm: &'static signature::EcdsaSigningAlgorithm,
    curve: &[u8],
    key: &PrivateKeyDer<'_>,
) -> Option<EcdsaKeyPair> {
    let der = match key {
        PrivateKeyDer::Pkcs8(der) => der.secret_pkcs8_der().to_vec(),
        PrivateKeyDer::Sec1(der) => {
            let key = tagged(0x04, der.secret_sec1_der())?;
            tagged(0x30, &[curve, &key].concat())?
        }
        _ => return None,
    };
    EcdsaKeyPair::from_pkcs8(algorithm, &der, &SystemRandom::new()).ok()
}

/// A value of DER with its tag and length; no key of these curves is longer than 255 bytes.
fn tagged(tag: u8, value: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(value.len()).ok()?;
    let head = if length < 0x80 {
        vec![tag, length]
    } else {
        vec![tag, 0x81, length]
    };
    Some([&head, value].concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn user(name: &str) -> Option<Caller> {
        Some(Caller::User {
            name: name.into(),
            revision: 7,
        })
    }

    /// A pair as PEM texts, private and public.
    fn pem(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
        let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
        (pair.serialize_pem(), pair.public_key_pem())
    }

    #[test]
    fn a_token_is_read_by_who_has_the_key_and_by_nobody_else() {
        for (method, algorithm) in [
            ("ES256", &rcgen::PKCS_ECDSA_P256_SHA256),
            ("ES384", &rcgen::PKCS_ECDSA_P384_SHA384),
            ("EdDSA", &rcgen::PKCS_ED25519),
        ] {
            let ((private, public), (other, other_public)) = (pem(algorithm), pem(algorithm));
            let jwt = |private: Option<&str>, public: Option<&str>, ttl| {
                Jwt::new(
                    method,
                    private.map(str::as_bytes),
                    public.map(str::as_bytes),
                    ttl,
                )
            };
            let both = jwt(Some(&private), Some(&public), TTL).unwrap();
            let token = both.assign("alice", 7).unwrap();
            assert_eq!(both.caller(&token), user("alice"), "{method}");
            let reader = jwt(None, Some(&public), TTL).unwrap();
            assert_eq!(reader.caller(&token), user("alice"));
            assert_eq!(reader.assign("alice", 7), None);
            assert_eq!(
                jwt(None, Some(&other_public), TTL).unwrap().caller(&token),
                None
            );
            assert_eq!(jwt(Some(&other), None, TTL).unwrap().caller(&token), None);
            let forged = format!("{}x", token.trim_end_matches(char::is_alphanumeric));
            assert_eq!(both.caller(&forged), None);
            let expired = jwt(Some(&private), None, Duration::ZERO).unwrap();
            assert_eq!(expired.caller(&expired.assign("alice", 7).unwrap()), None);
            assert!(matches!(
                jwt(Some(&private), Some(&other_public), TTL),
                Err(TokenError::Mismatch)
            ));
            assert!(matches!(jwt(None, None, TTL), Err(TokenError::NoKey)));
            assert!(matches!(
                jwt(None, Some("x"), TTL),
                Err(TokenError::PublicKey)
            ));
            assert!(matches!(
                jwt(Some("x"), None, TTL),
                Err(TokenError::PrivateKey)
            ));
        }
        assert!(matches!(
            Jwt::new("none", None, None, TTL),
            Err(TokenError::Method)
        ));
    }

    // ring makes no RSA keys, so these are known to all; the tokens are signed by OpenSSL.
    const RSA: &[u8] = include_bytes!("testdata/rsa.pem");
    const RSA_PKCS1: &[u8] = include_bytes!("testdata/rsa_pkcs1.pem");
    const RSA_PUBLIC: &[u8] = include_bytes!("testdata/rsa_public.pem");
    const OTHER_PUBLIC: &[u8] = include_bytes!("testdata/other_public.pem");
    const OF_OPENSSL: [(&str, &str); 3] = [
        ("RS256", include_str!("testdata/rs256.jwt")),
        ("RS512", include_str!("testdata/rs512.jwt")),
        ("PS256", include_str!("testdata/ps256.jwt")),
    ];
    const RSA_METHODS: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

    #[test]
    fn rsa_signs_for_who_has_the_key_in_either_form() {
        for method in RSA_METHODS {
            let reader = Jwt::new(method, None, Some(RSA_PUBLIC), TTL).unwrap();
            let stranger = Jwt::new(method, None, Some(OTHER_PUBLIC), TTL).unwrap();
            for private in [RSA, RSA_PKCS1] {
                let both = Jwt::new(method, Some(private), Some(RSA_PUBLIC), TTL).unwrap();
                let token = both.assign("alice", 7).unwrap();
                assert_eq!(both.caller(&token), user("alice"), "{method}");
                assert_eq!(reader.caller(&token), user("alice"), "{method}");
                assert_eq!(stranger.caller(&token), None, "{method}");
                assert!(matches!(
                    Jwt::new(method, Some(private), Some(OTHER_PUBLIC), TTL),
                    Err(TokenError::Mismatch)
                ));
                let expired = Jwt::new(method, Some(private), None, Duration::ZERO).unwrap();
                assert_eq!(reader.caller(&expired.assign("alice", 7).unwrap()), None);
            }
            // Keys of other methods, and none.
            let (elliptic, _) = pem(&rcgen::PKCS_ECDSA_P256_SHA256);
            for private in [elliptic.as_bytes(), RSA_PUBLIC] {
                assert!(matches!(
                    Jwt::new(method, Some(private), None, TTL),
                    Err(TokenError::PrivateKey)
                ));
            }
            assert!(matches!(
                Jwt::new("ES256", Some(RSA), None, TTL),
                Err(TokenError::PrivateKey)
            ));
        }
    }

    #[test]
    fn rsa_reads_what_others_sign_and_by_its_own_method_alone() {
        for (signed_by, token) in OF_OPENSSL {
            let token = token.trim_end();
            for method in RSA_METHODS {
                let reader = Jwt::new(method, None, Some(RSA_PUBLIC), TTL).unwrap();
                let expected = (method == signed_by).then(|| user("alice")).flatten();
                assert_eq!(reader.caller(token), expected, "{signed_by} by {method}");
            }
            let reader = Jwt::new(signed_by, None, Some(RSA_PUBLIC), TTL).unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let (header, _) = signed.split_once('.').unwrap();
            let root = URL_SAFE_NO_PAD.encode(r#"{"username":"root","revision":7}"#);
            assert_eq!(reader.caller(&format!("{header}.{root}.{signature}")), None);
            // A bit of the signature, half of it, and nothing.
            let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
            bytes[17] ^= 1;
            for forged in [&bytes[..], &bytes[..128], &[]] {
                let forged = URL_SAFE_NO_PAD.encode(forged);
                assert_eq!(reader.caller(&format!("{signed}.{forged}")), None);
            }
            // The public key, known to all, as the secret of a method that needs but a secret.
            let forger = Jwt::new("HS256", Some(RSA_PUBLIC), None, TTL).unwrap();
            assert_eq!(reader.caller(&forger.assign("root", 7).unwrap()), None);
        }
    }

    #[test]
    fn a_token_is_good_between_two_times() {
        let jwt = Jwt::new("RS256", Some(RSA), None, TTL).unwrap();
        let now = now_ms() as f64 / 1000.0;
        let token = |exp, nbf| {
            let claims = Claims {
                username: "alice".to_owned(),
                revision: 7.0,
                exp,
                nbf,
            };
            let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).unwrap());
            let signed = format!("{}.{claims}", jwt.header);
            let signature = jwt.key.sign(signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        let (past, future) = (Some(now - 100.0), Some(now + 100.0));
        for (exp, nbf, is_good) in [
            (None, None, true),
            (future, past, true),
            (past, None, false),
            (future, future, false),
        ] {
            let caller = jwt.caller(&token(exp, nbf));
            assert_eq!(caller.is_some(), is_good, "{exp:?} {nbf:?}");
        }
    }

    #[test]
    fn a_certificate_stands_for_its_public_key() {
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&pair);
        let certificate = certificate.unwrap().pem();
        let private = pair.serialize_pem();
        let (private, public) = (private.as_bytes(), certificate.as_bytes());
        let both = Jwt::new("ES256", Some(private), Some(public), TTL).unwrap();
        let reader = Jwt::new("ES256", None, Some(public), TTL).unwrap();
        let token = both.assign("alice", 7).unwrap();
        assert_eq!(reader.caller(&token), user("alice"));
    }

    #[test]
    fn only_the_chosen_method_counts() {
        let (_, public) = pem(&rcgen::PKCS_ECDSA_P256_SHA256);
        let reader = Jwt::new("ES256", None, Some(public.as_bytes()), TTL).unwrap();
        // The public key, known to all, as the secret of a method that needs but a secret.
        let forger = Jwt::new("HS256", Some(public.as_bytes()), None, TTL).unwrap();
        let token = forger.assign("root", 7).unwrap();
        assert_eq!(reader.caller(&token), None);
        assert_eq!(forger.caller(&token), user("root"));
        let (_, claims) = token.split_once('.').unwrap();
        let (claims, _) = claims.split_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        assert_eq!(reader.caller(&format!("{none}.{claims}.")), None);
    }
}
