/**
 * A certificate that signs itself, for `bench.example`, `node.example` and 127.0.0.1, and its key: for tests and benches, and
 * worth nothing anywhere else. Valid until 2126.
 */
export const TEST_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBtjCCAVygAwIBAgIUGUQasbfL/prkdqekT5c5EgnMTa0wCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNYmVuY2guZXhhbXBsZTAgFw0yNjExMjMwNjE5MDhaGA8yMTI2
MTAzMDA2MTkwOFowGDEWMBQGA1UEAwwNYmVuY2guZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABJ+nzljFrErFegWdC6ZOvc7roWCdeJv24l66qbOLZ2Cv
DJZNZTpWl9gsfI8UR58Hng6+FjEx41Yow3uWvRUXMj6jgYEwfzAdBgNVHQ4EFgQU
/w/RhhuFTEAlxHJW6AUsns99rfIwHwYDVR0jBBgwFoAU/w/RhhuFTEAlxHJW6AUs
ns99rfIwDwYDVR0TAQH/BAUwAwEB/zAsBgNVHREEJTAjgg1iZW5jaC5leGFtcGxl
ggxub2RlLmV4YW1wbGWHBH8AAAEwCgYIKoZIzj0EAwIDSAAwRQIhAPLLGGlCbHXz
ciHjmllYsUwojVMEkDXtRXyyZnyQzznMAiBee6bPveB1Zp+EA2eKLW6P5uEZnbeB
2U6Alc8SdmM9yA==
-----END CERTIFICATE-----
`;

export const TEST_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtpbNbcmtcAWr1sp3
Nth5JAM3XJuPckLNQJPJUv+8uwWhRANCAASfp85YxaxKxXoFnQumTr3O66FgnXib
9uJeuqmzi2dgrwyWTWU6VpfYLHyPFEefB54OvhYxMeNWKMN7lr0VFzI+
-----END PRIVATE KEY-----
`;
