"""Who answers a request: the route table of each deployment, and the choice by key."""
