// Package blog is a worked example: a blog of two services that know nothing of
// each other but a subject and a message. See README.md. The services are the
// commands admin and generator; package post holds what they share; the test
// here runs both on a real server.
package blog
