package awssm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
)

// configTexts are texts of [config.LoadDefaultConfig] whose variable parts can't hold a
// secret. The value of a setting can: a person may have pasted a key to the wrong place.
var configTexts = sdkTexts(
	`(?:.*, )?Error using profile: .*partial credentials found for profile (?:profile )?(.+?)\s*`,
	`the profile "$1" has only one of aws_access_key_id and aws_secret_access_key; give it both, or neither`,
	`(?:error fetching config from profile, (.+?), )?failed to load (\w+) from shared config, .*`,
	`the value of $2 in the profile "$1" is not one that the AWS SDK takes`,
	`role ARN is not set`, `AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not; set both, or neither`,
	`failed to find SSO session section, (.+)`, `the profile names the sso_session "$1", and no section [sso-session $1] is in the shared config file`,
	`profile "(.+)" is configured to use SSO but is missing required configuration: ([a-z_, ]+)`, `the profile "$1" is to use SSO, and lacks $2`,
	`(sso_\w+) in profile "(.+)" must match sso_\w+ in sso-session.*`, `the profile "$2" and its sso-session have different values of $1`,
	`only one credential type may be specified per profile: .*`,
	`the profile has more than one of source_profile, credential_source, credential_process and web_identity_token_file; leave one`,
	`credential_source values must be EcsContainer, Ec2InstanceMetadata, or Environment`,
	`the profile's credential_source is none; it is EcsContainer, Ec2InstanceMetadata or Environment`,
	`EcsContainer was specified as the credential_source, but neither .*`,
	`the profile's credential_source is EcsContainer, and neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set; is this a container of ECS?`,
	`invalid endpoint host, "([^"]*)", only .* hosts are allowed`,
	`AWS_CONTAINER_CREDENTIALS_FULL_URI has the host $1; over http it may only be this machine or that of ECS or EKS`,
	`failed to resolve host "([^"]*)", .*`, `the host $1 of AWS_CONTAINER_CREDENTIALS_FULL_URI is not known to DNS`,
	`unable to parse host from local HTTP cred provider URL`, `AWS_CONTAINER_CREDENTIALS_FULL_URI has no host`,
	`invalid URL, .*`, `AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL`,
	`unable to add custom RootCAs HTTPClient, .*`, `AWS_CA_BUNDLE is set, and the HTTP client is not one that the SDK can give it to; `+
		`use an awshttp.BuildableClient, or give the client the certificates`,
)

// inVariable finds the variable whose value config.LoadDefaultConfig refuses.
var inVariable = regexp.MustCompile(`\binvalid\b.{0,40}?\b(AWS_[A-Z0-9_]+)`)

// configError says what is wrong with the configuration, in a text that quotes no value of a setting.
func configError(err error, optFns []func(*config.LoadOptions) error) error {
	return fmt.Errorf("awssm: the AWS configuration can't be loaded: %w", configCause(err, optFns))
}

func configCause(err error, optFns []func(*config.LoadOptions) error) error {
	var (
		noProfile config.SharedConfigProfileNotExistError
		source    config.SharedConfigAssumeRoleError
		noRole    config.CredentialRequiresARNError
		file      config.SharedConfigLoadError
		path      *fs.PathError
		text      = err.Error()
	)
	bundle, isBundle := "ca_bundle of the profile", strings.Contains(text, "custom CA bundle PEM file")
	if v := os.Getenv("AWS_CA_BUNDLE"); v != "" {
		bundle = "AWS_CA_BUNDLE (" + shownPath(v) + ")"
	}
	switch {
	case errors.As(err, &noProfile):
		return fmt.Errorf("the profile %q is in none of the shared config files (%s), of which the SDK skips the lines that it can't read; "+
			"check AWS_PROFILE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE", noProfile.Profile, sharedFiles(optFns))
	case errors.As(err, &source):
		return fmt.Errorf("the profile %q, which is the source_profile of another, has no credentials", source.Profile)
	case errors.As(err, &noRole):
		return fmt.Errorf("the profile %q has a %s, and no role_arn", noRole.Profile, noRole.Type)
	case errors.As(err, new(config.AssumeRoleTokenProviderNotSetError)):
		return errors.New("the profile wants an MFA code (mfa_serial), for which a service can't ask anybody; " +
			"take a profile without, or give config.WithAssumeRoleCredentialOptions a TokenProvider")
	case errors.As(err, &file):
		why := "it is malformed"
		if m := aboutFile.FindStringSubmatch(file.Err.Error()); m != nil {
			why = m[3]
		}
		return fmt.Errorf("the shared config file %s can't be read: %s", shownPath(file.Filename), why)
	case isBundle:
		return fmt.Errorf("%s is no PEM file of certificates", bundle)
	case errors.As(err, &path) && path.Op == "open":
		return fmt.Errorf("%s can't be read: %w", bundle, cleanChain(path))
	}
	if says, ok := told(configTexts, text); ok {
		return plain(says)
	}
	if m := inVariable.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("the value of %s is not one that the AWS SDK takes", m[1])
	}
	return cleanChain(err)
}

// sharedFiles names the files in which the SDK looks for profiles, and says which can't be
// read: the SDK takes those for empty.
func sharedFiles(optFns []func(*config.LoadOptions) error) string {
	var o config.LoadOptions
	for _, option := range optFns {
		_ = option(&o)
	}
	all := append([]string(nil), o.SharedConfigFiles...)
	if o.SharedConfigFiles == nil {
		all = append(all, either(os.Getenv("AWS_CONFIG_FILE"), config.DefaultSharedConfigFilename()))
	}
	all = append(all, o.SharedCredentialsFiles...)
	if o.SharedCredentialsFiles == nil {
		all = append(all, either(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), config.DefaultSharedCredentialsFilename()))
	}
	for i, name := range all {
		f, err := os.Open(name)
		all[i] = shownPath(name)
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			all[i] += ": " + path.Err.Error()
		} else {
			f.Close()
		}
	}
	return strings.Join(all, "; ")
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
